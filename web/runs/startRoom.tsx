/** Starts a recipe, or goes on with a run that was interrupted: the dry run is shown first. */
import { useEffect, useState } from 'preact/hooks';
import type { PlanAnswer, PlanRequest, RecipeFacts } from '../../src/server/runs/protocol.js';
import { FailureOf } from './answers.js';
import { askPlan, askRecipes, job, startJob } from './jobs.js';
import { goTo, linkTo } from './route.js';

export function StartRoom({ resumed }: { readonly resumed: string | null }) {
  const [recipes, setRecipes] = useState<readonly RecipeFacts[]>([]);
  const [recipe, setRecipe] = useState('demo');
  const [folder, setFolder] = useState('');
  const [seed, setSeed] = useState('');
  const [changes, setChanges] = useState('');
  const [answer, setAnswer] = useState<PlanAnswer | null>(null);
  const [isAsking, setAsking] = useState(false);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    if (resumed === null) askRecipes().then(setRecipes, tell);
  }, [resumed]);

  function tell(reason: unknown): void {
    setError(reason instanceof Error ? reason.message : String(reason));
  }
  const edit = (set: (value: string) => void) => (value: string) => {
    set(value);
    setAnswer(null); // A dry run stands for what was asked then.
  };
  const plan = (): void => {
    if (!/^-?\d*$/.test(seed.trim())) {
      setError('The seed is a whole number.');
      return;
    }
    const set = changes.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
    const rest = { set, seed: seed.trim() === '' ? null : Number(seed) };
    const request: PlanRequest =
      resumed === null
        ? { kind: 'new', recipe, folder: folder.trim() === '' ? null : folder.trim(), ...rest }
        : { kind: 'resume', id: resumed, ...rest };
    setAsking(true);
    setError(null);
    askPlan(request)
      .then(setAnswer, tell)
      .finally(() => {
        setAsking(false);
      });
  };
  const start = (): void => {
    if (answer?.plan == null) return;
    startJob(answer.plan).then(() => {
      goTo(linkTo('runs'));
    }, tell);
  };
  const isBusy = job.value !== null && job.value.state !== 'ended';
  return (
    <>
      <h1 tabIndex={-1}>{resumed === null ? 'Start a recipe' : `Go on with ${resumed}`}</h1>
      <form
        class="start"
        onSubmit={(event) => {
          event.preventDefault();
          plan();
        }}
      >
        {resumed !== null ? null : (
          <>
            <label>
              Recipe
              <select value={recipe} onChange={({ currentTarget }) => edit(setRecipe)(currentTarget.value)}>
                {recipes.map(({ name }) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
            <p class="soft">{recipes.find(({ name }) => name === recipe)?.summary ?? ''}</p>
            <Field label="Folder (default: the name of the recipe)" value={folder} onEdit={edit(setFolder)} />
            <Field label="Seed (default: that of the recipe)" value={seed} onEdit={edit(setSeed)} />
          </>
        )}
        <label>
          Changes, one a line, such as stages.ipo.epochs=3
          <textarea rows={3} value={changes} onInput={({ currentTarget }) => edit(setChanges)(currentTarget.value)} />
        </label>
        <button type="submit" class={answer?.plan == null ? 'strong' : undefined} disabled={isAsking}>
          {isAsking ? 'Counting …' : 'Dry run'}
        </button>
      </form>
      <FailureOf error={error} />
      {answer === null ? null : (
        <section aria-label="Dry run">
          <h2>Dry run</h2>
          <pre tabIndex={0}>{`$ ${answer.command}\n\n${answer.text}`}</pre>
          {answer.plan === null ? (
            <p class="failure" role="alert">
              This cannot be run as it stands.
            </p>
          ) : (
            <p class="row tools">
              <button type="button" class="strong" disabled={isBusy} onClick={start}>
                {resumed === null ? 'Start' : 'Go on'}
              </button>
              {isBusy ? <span class="soft">One run at a time: {job.value?.id} is in work.</span> : null}
            </p>
          )}
        </section>
      )}
    </>
  );
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onEdit: (value: string) => void;
}

function Field({ label, value, onEdit }: FieldProps) {
  return (
    <label>
      {label}
      <input
        type="text"
        value={value}
        onInput={({ currentTarget }) => {
          onEdit(currentTarget.value);
        }}
      />
    </label>
  );
}
