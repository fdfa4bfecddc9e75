/** The help, and the name of the labeller. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { keyHelp } from './keys.js';
import { changeLabeller, dialog, hasKeys, labeller, switchKeys, view } from './session.js';

export function HelpDialog() {
  return (
    <Dialog name="help" title="Keys">
      <dl class="keys">
        {keyHelp.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={hasKeys.value}
          onChange={(event) => {
            switchKeys(event.currentTarget.checked);
          }}
        />
        Keys are on
      </label>
      <p class="soft">
        Each choice is written to labels.jsonl before the next item is shown. A covered text is one that a judge
        suspects.
      </p>
      <form method="dialog" class="row">
        <button type="submit" class="strong">
          Close
        </button>
      </form>
    </Dialog>
  );
}

export function NameDialog() {
  const field = useRef<HTMLInputElement>(null);
  const submit = (event: Event): void => {
    event.preventDefault();
    const name = field.current?.value.trim() ?? '';
    if (name === '') return;
    dialog.value = null;
    if (name !== labeller.value) void changeLabeller(name);
  };
  return (
    <Dialog name="name" title="Who labels?">
      <form onSubmit={submit}>
        <label class="field">
          <span class="soft">Your name goes with each of your labels</span>
          <input ref={field} type="text" maxLength={60} required list="labellers" defaultValue={labeller.value} />
        </label>
        <datalist id="labellers">
          {(view.value?.labellers ?? []).map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <div class="row">
          <button type="submit" class="strong">
            Label
          </button>
          <button type="button" onClick={() => (dialog.value = null)}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface DialogProps {
  readonly name: 'help' | 'name';
  readonly title: string;
  readonly children: ComponentChildren;
}

function Dialog({ name, title, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const isOpen = dialog.value === name;
  useLayoutEffect(() => {
    if (isOpen) element.current?.showModal();
    else element.current?.close();
  }, [isOpen]);
  return (
    <dialog ref={element} aria-labelledby={`${name}-title`} onClose={() => (dialog.value = null)}>
      <h2 id={`${name}-title`}>{title}</h2>
      {isOpen ? children : null}
    </dialog>
  );
}
