/** The labels, each with its key, and what else can be done with an item. Buttons that cannot be used now stay where they
 *  are in the order of focus. */
import { choose, isBusy, isNoteOpen, item, message, task, undo, view } from './session.js';

export function LabelButtons() {
  const facts = task.value;
  if (facts === null) return null;
  return (
    <>
      <ul class="labels" aria-label="Labels">
        {facts.labels.map(({ name, description, harmful }, i) => (
          <li key={name}>
            <button
              type="button"
              class="label"
              aria-disabled={isBusy.value}
              aria-pressed={item.value?.label === name}
              aria-keyshortcuts={i < 9 ? String(i + 1) : undefined}
              onClick={() => void choose(name)}
            >
              <span class="name">
                {i < 9 ? <kbd>{i + 1}</kbd> : null} {name}
                {harmful === true ? <span class="flag">harmful</span> : null}
              </span>
              {description === null ? null : <span class="description">{description}</span>}
            </button>
          </li>
        ))}
      </ul>
      <div class="row tools" role="group" aria-label="This item">
        <button
          type="button"
          aria-disabled={isBusy.value || view.value?.undo === null}
          aria-keyshortcuts="u"
          onClick={() => void undo()}
        >
          Undo <kbd>u</kbd>
        </button>
        <button type="button" aria-disabled={isBusy.value} aria-keyshortcuts="s" onClick={() => void choose(null)}>
          Skip <kbd>s</kbd>
        </button>
        <button
          type="button"
          aria-expanded={isNoteOpen.value}
          aria-keyshortcuts="n"
          onClick={() => (isNoteOpen.value = !isNoteOpen.value)}
        >
          Note <kbd>n</kbd>
        </button>
        <p role="status">{message.value}</p>
      </div>
    </>
  );
}
