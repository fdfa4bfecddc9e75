/** The page: who labels, how far it has come, the item with its labels, and how far people agree. */
import type { ComponentChildren } from 'preact';
import { LabelsSoFar } from './soFar.js';
import { HelpDialog, NameDialog } from './dialogs.js';
import { ItemCard } from './itemCard.js';
import { LabelButtons } from './labelButtons.js';
import { changePass, dialog, failure, isBusy, item, labeller, pass, task, tryAgain, view } from './session.js';
import { ThemeButton } from '../shared/themeButton.js';
import { countOf, timeLeft } from './words.js';

export function LabelPage() {
  return (
    <>
      <a class="skip" href="#item">
        Skip to the item
      </a>
      <PageHead />
      <main>
        <ProgressLine />
        <FailureNote />
        {view.value === null ? <Waiting /> : item.value === null ? <NothingLeft /> : <Labelling />}
        <LabelsSoFar />
      </main>
      <HelpDialog />
      <NameDialog />
    </>
  );
}

function PageHead() {
  return (
    <header class="page-head">
      <div>
        <p class="brand">Gadfly · labelling</p>
        <h1>{task.value?.name ?? ' '}</h1>
      </div>
      <div class="controls">
        <button type="button" onClick={() => (dialog.value = 'name')} disabled={task.value === null}>
          <span class="soft">Labeller</span> {labeller.value}
        </button>
        <ThemeButton />
        <button type="button" onClick={() => (dialog.value = 'help')} aria-label="Help" title="Help (?)">
          ?
        </button>
      </div>
    </header>
  );
}

function ProgressLine() {
  if (view.value === null) return null;
  const { progress } = view.value;
  const { done, open, skipped } = progress;
  const all = done + open + skipped;
  const percent = all === 0 ? 100 : (100 * done) / all;
  const facts = [
    `${done.toLocaleString('en')} of ${countOf(all, 'item')} labelled`,
    open === 0 && item.value !== null && pass.value === 'open' ? 'enough for the run to go on' : timeLeft(progress),
    skipped === 0 ? '' : `${countOf(skipped, 'item')} skipped`,
  ].filter((fact) => fact !== '');
  return (
    <section class="progress" aria-label="Progress">
      <div
        class="bar"
        role="progressbar"
        aria-label="Items labelled"
        aria-valuemin={0}
        aria-valuemax={all}
        aria-valuenow={done}
        aria-valuetext={facts.join(', ')}
      >
        <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
          <rect width={percent} height="1" />
        </svg>
      </div>
      <p class="facts">
        {facts.map((fact) => (
          <span key={fact}>{fact}</span>
        ))}
      </p>
    </section>
  );
}

function FailureNote() {
  const failed = failure.value;
  return (
    <div role="alert">
      {failed === null ? null : (
        <p class="failure">
          <span>{failed.message}</span>
          {failed.request === null ? null : (
            <button type="button" onClick={() => void tryAgain()} aria-disabled={isBusy.value}>
              Try again
            </button>
          )}
        </p>
      )}
    </div>
  );
}

function Waiting() {
  return failure.value === null ? <p class="waiting">Opening …</p> : null;
}

function Labelling() {
  return (
    <>
      <PassNote />
      <ItemCard />
      <LabelButtons />
    </>
  );
}

/** Says which pass this is, where it is not the ordinary one, and shows the way back. */
function PassNote() {
  if (pass.value === 'open') return null;
  const text =
    pass.value === 'skipped'
      ? 'Items that you skipped, once more.'
      : 'Second pass: items that were given different labels. Your label here settles them; skip leaves yours as it is.';
  return (
    <Panel>
      <span>{text}</span>
      <button type="button" onClick={() => void changePass('open')}>
        Back to open items
      </button>
    </Panel>
  );
}

function Panel({ children }: { readonly children: ComponentChildren }) {
  return <p class="pass-note">{children}</p>;
}

function NothingLeft() {
  if (view.value === null) return null;
  const { skipped, disagreements, open, done } = view.value.progress;
  const title = pass.value === 'open' ? 'All items are labelled' : 'That was the last one';
  const isWhole = pass.value === 'open' && skipped === 0;
  return (
    <section class="card end" aria-labelledby="end-title">
      <h2 id="end-title" tabIndex={-1} ref={focusNow}>
        {isWhole ? title : pass.value === 'open' ? 'No open item is left' : title}
      </h2>
      <p>
        {countOf(done, 'label')} of yours {done === 1 ? 'is' : 'are'} kept. You can close this page and end the command.
      </p>
      <div class="row">
        {open > 0 && pass.value !== 'open' ? (
          <button type="button" class="strong" onClick={() => void changePass('open')}>
            Go on with {countOf(open, 'open item')}
          </button>
        ) : null}
        {skipped > 0 && pass.value !== 'skipped' ? (
          <button type="button" class="strong" onClick={() => void changePass('skipped')}>
            See {countOf(skipped, 'skipped item')} again
          </button>
        ) : null}
        {disagreements > 0 && pass.value !== 'disagreements' ? (
          <button type="button" class="strong" onClick={() => void changePass('disagreements')}>
            Settle {countOf(disagreements, 'disagreement')}
          </button>
        ) : null}
      </div>
    </section>
  );
}

function focusNow(element: HTMLElement | null): void {
  element?.focus();
}
