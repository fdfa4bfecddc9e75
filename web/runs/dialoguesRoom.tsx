/** The dialogues of a run: what is asked for, the list, and the dialogue that is open. */
import { useEffect } from 'preact/hooks';
import { FailureOf } from './answers.js';
import { DialogueFilters } from './dialogueFilters.js';
import { DialogueList } from './dialogueList.js';
import {
  failure,
  followDialogues,
  found,
  hasNews,
  isUnveiled,
  openDialogue,
  openLine,
  startAnew,
  toggleVeil,
} from './dialogues.js';
import { DialogueView } from './dialogueView.js';
import { amount, countOf } from './figures.js';

export function DialoguesRoom({ id }: { readonly id: string }) {
  useEffect(() => {
    document.body.classList.add('wide');
    window.addEventListener('keydown', hearKey);
    const stop = followDialogues();
    return () => {
      document.body.classList.remove('wide');
      window.removeEventListener('keydown', hearKey);
      stop();
    };
  }, [id]);
  return (
    <div class={openLine.value === null ? 'dialogues' : 'dialogues open'}>
      <h1 tabIndex={-1}>Dialogues</h1>
      <DialogueFilters />
      <FailureOf error={failure.value} />
      <div class="row tools">
        <p class="facts" role="status">
          <Matching />
        </p>
        {hasNews.value ? (
          <button type="button" onClick={startAnew}>
            New dialogues: show them
          </button>
        ) : null}
        <button type="button" onClick={toggleVeil} aria-pressed={isUnveiled.value} aria-keyshortcuts="v">
          {isUnveiled.value ? 'Cover the texts' : 'Show the texts'} <kbd>v</kbd>
        </button>
      </div>
      <div class="panes">
        <DialogueList />
        <DialogueView />
      </div>
    </div>
  );
}

function Matching() {
  if (found.value === null) return 'Asking …';
  const { matching, indexed, isWhole, share, milliseconds } = found.value;
  const reading = isWhole ? '' : ` · ${String(Math.floor(100 * share))}% of the file read`;
  return `${amount(matching)} of ${countOf(indexed, 'dialogue')} · ${milliseconds.toFixed(0)} ms${reading}`;
}

/** Keys of the room; in a field they are text. */
function hearKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const { target } = event;
  if (event.key === 'Escape' && openLine.value !== null) {
    openDialogue(null);
    document.getElementById('dialogue-list')?.focus();
    return;
  }
  if (target instanceof HTMLElement && target.closest('input, textarea, select') !== null) return;
  if (event.key === '/') {
    event.preventDefault();
    document.getElementById('words')?.focus();
  } else if (event.key.toLowerCase() === 'v' && !event.repeat) toggleVeil();
}
