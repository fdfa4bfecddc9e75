/** The keyboard: what each key does. A key that is held down counts once, and keys inside a field or a dialog are text. */
import { choose, dialog, hasKeys, isNoteOpen, task, toggleVeil, undo } from './session.js';

export const keyHelp = [
  ['1 … 9', 'give the label of that place'],
  ['u', 'undo: take the last label back and see its item again'],
  ['s', 'skip: the item comes again when you ask for it'],
  ['n', 'write a note; Esc goes back to the item'],
  ['v', 'show a covered text, or cover it again'],
  ['?', 'show this help'],
] as const;

export function hearKey(event: KeyboardEvent): void {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (!hasKeys.value || dialog.value !== null || isField(event.target)) return;
  const act = actionOf(event);
  if (act === null) return;
  event.preventDefault();
  act();
}

function actionOf(event: KeyboardEvent): (() => void) | null {
  const place = placeOf(event);
  if (place !== null) {
    const label = task.value?.labels[place - 1];
    return label === undefined ? null : () => void choose(label.name);
  }
  switch (event.key.toLowerCase()) {
    case 'u':
      return () => void undo();
    case 's':
      return () => void choose(null);
    case 'n':
      return () => {
        isNoteOpen.value = true;
      };
    case 'v':
      return toggleVeil;
    case '?':
      return () => {
        dialog.value = 'help';
      };
    default:
      return null;
  }
}

/** Digits by what they write or, where a layout writes something else there, by their place. */
function placeOf({ key, code, shiftKey }: KeyboardEvent): number | null {
  if (/^[1-9]$/.test(key)) return Number(key);
  const digit = /^Digit([1-9])$/.exec(code)?.[1];
  return digit === undefined || shiftKey || key === '?' ? null : Number(digit);
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null;
}
