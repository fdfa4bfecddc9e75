/** The list of dialogues, of which only what is in view is in the page. By keyboard it is a list box: arrows choose, Enter
 *  opens. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { dialogueAt, ensureRange, found, isUnveiled, openDialogue, openLine } from './dialogues.js';
import { figure } from './figures.js';

/** The place in the list that the keyboard is at. */
const active = signal(0);
const heights = { covered: 58, shown: 96 };

export function DialogueList() {
  const scroller = useRef<HTMLDivElement>(null);
  const count = found.value?.matching ?? 0;
  const height = isUnveiled.value ? heights.shown : heights.covered;
  const virtual = useVirtual(scroller, count, height);
  const items = virtual.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => {
    if (count > 0) ensureRange(first, last);
  });
  useEffect(() => {
    if (active.value >= count) active.value = Math.max(0, count - 1);
  }, [count]);

  const moveTo = (place: number): void => {
    active.value = Math.min(count - 1, Math.max(0, place));
    virtual.scrollToIndex(active.value);
  };
  const hearKey = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / height) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: active.value + 1,
      j: active.value + 1,
      ArrowUp: active.value - 1,
      k: active.value - 1,
      PageDown: active.value + page,
      PageUp: active.value - page,
      Home: 0,
      End: count - 1,
    };
    const to = moves[event.key];
    if (to !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      moveTo(to);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      const line = dialogueAt(active.value)?.line;
      if (line !== undefined) openDialogue(line);
    }
  };
  return (
    <div
      ref={scroller}
      id="dialogue-list"
      class="list"
      role="listbox"
      tabIndex={0}
      aria-label="Dialogues that match"
      aria-activedescendant={count === 0 ? undefined : optionId(active.value)}
      onKeyDown={hearKey}
    >
      {count === 0 && found.value !== null ? (
        <p class="empty">{found.value.isWhole ? 'No dialogue matches.' : 'Reading the file …'}</p>
      ) : null}
      <div class="all" style={{ height: `${String(virtual.getTotalSize())}px` }} role="presentation">
        {items.map(({ index, start }) => (
          <Option key={index} place={index} count={count} top={start} height={height} />
        ))}
      </div>
    </div>
  );
}

interface OptionProps {
  readonly place: number;
  readonly count: number;
  readonly top: number;
  readonly height: number;
}

function Option({ place, count, top, height }: OptionProps) {
  const dialogue = dialogueAt(place);
  const isOpen = dialogue !== null && dialogue.line === openLine.value;
  const style = { transform: `translateY(${String(top)}px)`, height: `${String(height)}px` };
  return (
    <div
      id={optionId(place)}
      class={`option${place === active.value ? ' active' : ''}${isOpen ? ' open' : ''}`}
      role="option"
      aria-selected={isOpen}
      aria-posinset={place + 1}
      aria-setsize={count}
      style={style}
      onClick={() => {
        active.value = place;
        if (dialogue !== null) openDialogue(dialogue.line);
      }}
    >
      {dialogue === null ? (
        <span class="soft">…</span>
      ) : (
        <>
          <p class="figures">
            <Harm harm={dialogue.harm} failures={dialogue.failures} />
            <span class="soft">
              {dialogue.stage}
              {dialogue.epoch === null ? '' : `, epoch ${String(dialogue.epoch)}`} · line {dialogue.line + 1}
            </span>
          </p>
          {dialogue.text === null ? (
            <p class="soft figures">
              <span>NLL {dialogue.nll === null ? '–' : figure(dialogue.nll)}</span>
              <span>reward {dialogue.reward === null ? '–' : figure(dialogue.reward)}</span>
              <span>
                {dialogue.exchanges} {dialogue.exchanges === 1 ? 'exchange' : 'exchanges'}
              </span>
            </p>
          ) : (
            <>
              <p class="excerpt soft" dir="auto">
                {dialogue.text.adversary}
              </p>
              <p class="excerpt" dir="auto">
                {dialogue.text.target}
              </p>
            </>
          )}
        </>
      )}
    </div>
  );
}

export function Harm({ harm, failures }: { readonly harm: number | null; readonly failures: number }) {
  const size = harm === null ? 0 : Math.min(4, Math.floor(5 * harm));
  return (
    <span class={`harm h${String(size)}`}>
      harm {harm === null ? '–' : harm.toFixed(2)}
      {failures > 0 ? ` · ${String(failures)} failed` : ''}
    </span>
  );
}

function optionId(place: number): string {
  return `dialogue-${String(place)}`;
}

/** Gives the virtualiser of a scrolling element; the view is drawn again as it scrolls. */
function useVirtual(
  scroller: { readonly current: HTMLDivElement | null },
  count: number,
  size: number,
): Virtualizer<HTMLDivElement, HTMLDivElement> {
  const [, redraw] = useState(0);
  const options = {
    count,
    estimateSize: () => size,
    overscan: 8,
    getScrollElement: () => scroller.current,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => {
      redraw((n) => n + 1);
    },
  };
  const [virtual] = useState(() => new Virtualizer<HTMLDivElement, HTMLDivElement>(options));
  virtual.setOptions(options);
  useLayoutEffect(() => virtual._didMount(), []);
  useLayoutEffect(() => {
    virtual._willUpdate();
  });
  useLayoutEffect(() => {
    virtual.measure();
  }, [size]);
  return virtual;
}
