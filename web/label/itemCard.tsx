/** The item that is labelled now: its text, covered where it is suspected to be harmful, what the others said, and a
 *  note. It takes the focus when it comes, so that a screen reader goes on from it. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import { changeNote, isNoteOpen, isVeiled, item, note, pass, toggleVeil, view } from './session.js';
import { position } from './words.js';

export function ItemCard() {
  const card = useRef<HTMLElement>(null);
  const shown = item.value;
  const id = shown?.id;
  useLayoutEffect(() => {
    card.current?.focus({ preventScroll: true });
    card.current?.scrollIntoView({ block: 'nearest' });
  }, [id]);
  if (shown === null || view.value === null) return null;
  return (
    <article id="item" class="card item" ref={card} tabIndex={-1} aria-labelledby="item-title">
      <header>
        <h2 id="item-title">{position(pass.value, view.value.progress)}</h2>
        {shown.veil === null ? null : (
          <button type="button" onClick={toggleVeil} aria-keyshortcuts="v">
            {isVeiled.value ? 'Show the text' : 'Cover the text'} <kbd>v</kbd>
          </button>
        )}
      </header>
      {isVeiled.value ? (
        <Cover reason={shown.veil ?? ''} length={shown.text.length} />
      ) : (
        <p class="text" dir="auto">
          {shown.text}
        </p>
      )}
      {shown.others.length === 0 ? null : <OthersSaid />}
      <NoteField />
    </article>
  );
}

/** Stands for the text, which is not in the page meanwhile. */
function Cover({ reason, length }: { readonly reason: string; readonly length: number }) {
  const words = Math.min(24, Math.max(4, Math.round(length / 6)));
  return (
    <div class="cover">
      <p class="reason">{reason}</p>
      <div class="bars" aria-hidden="true">
        {Array.from({ length: words }, (_, i) => (
          <i key={i} class={`w${String((i * 5) % 7)}`} />
        ))}
      </div>
    </div>
  );
}

function OthersSaid() {
  const shown = item.value;
  if (shown === null) return null;
  const own = shown.label === null ? [] : [{ labeller: 'you', label: shown.label, note: shown.note }];
  return (
    <ul class="others" aria-label="Labels so far">
      {[...own, ...shown.others].map(({ labeller, label, note: said }) => (
        <li key={labeller}>
          <b>{labeller}</b> {label}
          {said === null ? null : <q>{said}</q>}
        </li>
      ))}
    </ul>
  );
}

function NoteField() {
  const field = useRef<HTMLTextAreaElement>(null);
  const isOpen = isNoteOpen.value;
  const wasAsked = useRef(isOpen);
  useLayoutEffect(() => {
    if (isOpen && !wasAsked.current) field.current?.focus();
    wasAsked.current = isOpen;
  }, [isOpen]);
  if (!isOpen) return null;
  const leave = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape' && !(event.key === 'Enter' && (event.ctrlKey || event.metaKey))) return;
    event.preventDefault();
    if (note.value.trim() === '') isNoteOpen.value = false;
    document.getElementById('item')?.focus();
  };
  return (
    <label class="note">
      <span class="soft">Note, kept with your label</span>
      <textarea
        ref={field}
        rows={2}
        maxLength={4000}
        value={note.value}
        onInput={(event) => {
          changeNote(event.currentTarget.value);
        }}
        onKeyDown={leave}
      />
      <span class="soft hint">
        <kbd>Esc</kbd> goes back to the item
      </span>
    </label>
  );
}
