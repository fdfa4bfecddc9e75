/** The labels so far: how often each was given, how far people agree, and the way into the second pass. */
import type { Agreement, Progress } from '../../src/server/labels/protocol.js';
import { changePass, pass, task, view } from './session.js';
import { coefficient, countOf, strength } from './words.js';

/** Pairs of labellers that the page has room for. */
const mostPairs = 3;

export function LabelsSoFar() {
  if (view.value === null || task.value === null) return null;
  const { agreement, progress, labellers } = view.value;
  return (
    <section class="so-far" aria-labelledby="so-far-title">
      <h2 id="so-far-title">Labels so far</h2>
      <p class="soft">
        {progress.labels.toLocaleString('en')} of {countOf(progress.wanted, 'label')} by{' '}
        {countOf(labellers.length, 'labeller')}
      </p>
      <Shares progress={progress} />
      {agreement.items === 0 ? (
        <p class="soft">
          {task.value.perItem > 1 ? 'Agreement can be told once two people have labelled the same items.' : null}
        </p>
      ) : (
        <Coefficients agreement={agreement} />
      )}
      {progress.disagreements > 0 && pass.value !== 'disagreements' ? (
        <button type="button" onClick={() => void changePass('disagreements')}>
          Settle {countOf(progress.disagreements, 'disagreement')}
        </button>
      ) : null}
    </section>
  );
}

function Shares({ progress: { counts } }: { readonly progress: Progress }) {
  const rows = Object.entries(counts);
  const most = Math.max(1, ...rows.map(([, count]) => count));
  return (
    <ul class="shares">
      {rows.map(([label, count]) => (
        <li key={label}>
          <span class="share-name">{label}</span>
          <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
            <rect width={(100 * count) / most} height="1" />
          </svg>
          <span class="share-count">{count.toLocaleString('en')}</span>
        </li>
      ))}
    </ul>
  );
}

function Coefficients({ agreement: { items, unanimous, krippendorff, cohen } }: { readonly agreement: Agreement }) {
  return (
    <dl aria-label="Agreement">
      <div>
        <dt>Same label</dt>
        <dd>
          {Math.round(100 * (unanimous ?? 0))}% <span class="soft">of {countOf(items, 'item')}</span>
        </dd>
      </div>
      <div>
        <dt>Krippendorff’s alpha</dt>
        <dd>
          {coefficient(krippendorff)}{' '}
          <span class="soft">{krippendorff === null ? 'one label only so far' : strength(krippendorff)}</span>
        </dd>
      </div>
      {cohen.slice(0, mostPairs).map(({ labellers: [first, second], items: shared, kappa }) => (
        <div key={`${first}\n${second}`}>
          <dt>
            Cohen’s kappa, {first} and {second}
          </dt>
          <dd>
            {coefficient(kappa)} <span class="soft">{countOf(shared, 'item')}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}
