/** The head of a page, of a run or of a sweep, with a link for keyboards past it to the results: `<main id="results">`.
 */
import type { ComponentChildren } from 'preact';

interface PageHeadProps {
  readonly brand: string;
  readonly title: string;
  readonly description: string | undefined;
  /** Whether the page has model text to uncover. */
  readonly veils: boolean;
  /** The participants, and how it ended. */
  readonly children: ComponentChildren;
}

export function PageHead({ brand, title, description, veils, children }: PageHeadProps) {
  return (
    <>
      <a class="skip" href="#results">
        Skip to the results
      </a>
      <header class="page-head">
        <div class="head-line">
          <p class="brand">{brand}</p>
          <div class="controls">
            {veils && (
              <button type="button" id="reveal-all" aria-pressed="false">
                Show model text
              </button>
            )}
            <button type="button" id="theme">
              Dark
            </button>
          </div>
        </div>
        <h1>{title}</h1>
        {description !== undefined && <p class="description">{description}</p>}
        {children}
      </header>
    </>
  );
}
