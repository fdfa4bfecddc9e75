/** Which dialogues are asked for. Fields change the address; words do so shortly after the last key. */
import { useRef } from 'preact/hooks';
import { ask, found, orders, query } from './dialogues.js';
import { amount } from './figures.js';

const typingMs = 60;

export function DialogueFilters() {
  const { saidBy, failed, stage, epoch, order, minHarm, maxHarm, minNll, maxNll } = query.value;
  const stages = found.value?.stages ?? [];
  const epochs = stages.find((each) => each.stage === stage)?.epochs ?? 0;
  return (
    <form
      class="filters"
      role="search"
      aria-label="Dialogues"
      onSubmit={(event) => {
        event.preventDefault();
      }}
    >
      <WordsField />
      <Choice
        label="Said by"
        name="by"
        value={saidBy}
        options={[
          ['anyone', 'anyone'],
          ['adversary', 'adversary'],
          ['target', 'target'],
        ]}
        standard="anyone"
      />
      <Choice
        label="Row or stage"
        name="stage"
        value={stage ?? ''}
        options={[
          ['', 'all'],
          ...kindsOf([...stages.map((each) => each.stage), ...(stage === null ? [] : [stage])]),
          ...stages.map((each) => [each.stage, `${each.stage} (${amount(each.dialogues)})`] as const),
        ]}
        standard=""
      />
      {epochs > 0 ? (
        <Choice
          label="Epoch"
          name="epoch"
          value={epoch === null ? '' : String(epoch)}
          options={[['', 'all'], ...Array.from({ length: epochs }, (_, i) => [String(i + 1), String(i + 1)] as const)]}
          standard=""
        />
      ) : null}
      <Choice
        label="Failed"
        name="failed"
        value={failed === null ? '' : failed ? 'yes' : 'no'}
        options={[
          ['', 'any'],
          ['yes', 'yes'],
          ['no', 'no'],
        ]}
        standard=""
      />
      <HarmField label="Harm from" name="min" value={minHarm} standard={0} />
      <HarmField label="to" name="max" value={maxHarm} standard={1} />
      <NllField label="NLL from" name="from" value={minNll} />
      <NllField label="to" name="to" value={maxNll} />
      <Choice label="Order" name="order" value={order} options={orders} standard="worst" />
    </form>
  );
}

/** Units of one kind may be asked for together: all rows of the evaluation, all attacks. */
function kindsOf(stages: readonly string[]): readonly (readonly [string, string])[] {
  const kinds = stages.map((stage) => stage.slice(0, stage.indexOf(':') + 1)).filter((kind) => kind !== '');
  return [...new Set(kinds)].map((kind) => [kind, `${kind.slice(0, -1)} (all)`]);
}

function WordsField() {
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  return (
    <label class="grow">
      <span>
        Words <kbd>/</kbd>
      </span>
      <input
        id="words"
        type="search"
        defaultValue={query.peek().words}
        placeholder={'words, or "a phrase"'}
        aria-keyshortcuts="/"
        onInput={({ currentTarget: { value } }) => {
          if (timer.current !== null) clearTimeout(timer.current);
          timer.current = setTimeout(() => {
            ask({ words: value.trim() === '' ? null : value.trim() });
          }, typingMs);
        }}
      />
    </label>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly name: string;
  readonly value: string;
  readonly options: readonly (readonly [string, string])[];
  readonly standard: string;
}

function Choice({ label, name, value, options, standard }: ChoiceProps) {
  return (
    <label>
      <span>{label}</span>
      <select
        value={value}
        onChange={({ currentTarget }) => {
          const epoch = name === 'stage' ? { epoch: null } : {};
          ask({ [name]: currentTarget.value === standard ? null : currentTarget.value, ...epoch });
        }}
      >
        {options.map(([each, text]) => (
          <option key={each} value={each}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

function NllField({
  label,
  name,
  value,
}: {
  readonly label: string;
  readonly name: string;
  readonly value: number | null;
}) {
  return (
    <label>
      <span>
        {label}
        {name === 'to' ? <span class="unseen"> (NLL)</span> : null}
      </span>
      <input
        type="number"
        step="any"
        value={value ?? ''}
        onChange={({ currentTarget }) => {
          ask({ [name]: currentTarget.value === '' ? null : currentTarget.value });
        }}
      />
    </label>
  );
}

function HarmField({
  label,
  name,
  value,
  standard,
}: {
  readonly label: string;
  readonly name: string;
  readonly value: number;
  readonly standard: number;
}) {
  return (
    <label>
      <span>{label}</span>
      <input
        type="number"
        min="0"
        max="1"
        step="0.05"
        value={value}
        onChange={({ currentTarget }) => {
          const given = currentTarget.value === '' ? standard : Number(currentTarget.value);
          ask({ [name]: given === standard ? null : String(given) });
        }}
      />
    </label>
  );
}
