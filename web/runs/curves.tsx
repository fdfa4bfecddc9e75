/** The curves of one run or of several, with smoothing. */
import { signal } from '@preact/signals';
import { keep, ofPerson, readKept } from '../shared/kept.js';
import { Chart } from './chart.js';
import { inWords } from './figures.js';
import { type Panel, panelsOf, type Source, spendingNames } from './panels.js';

const smoothing = signal(Number(readKept(ofPerson, 'smoothing') ?? 0.6));
const spending = signal('targetReplies');
const areAllShown = signal(false);

export function Curves({ sources }: { readonly sources: readonly Source[] }) {
  const panels = panelsOf(sources, spending.value);
  const version = sources.reduce(
    (sum, { series }) => sum + series.reduce((all, { steps }) => all + steps.length, 0),
    0,
  );
  if (panels.length === 0) return <p class="soft">No curves yet: an attack or a mending stage writes them.</p>;
  const others = panels.filter(({ isMain }) => !isMain);
  return (
    <>
      <div class="row tools">
        <label>
          Smoothing{' '}
          <input
            type="range"
            min="0"
            max="0.97"
            step="0.01"
            value={smoothing.value}
            aria-valuetext={smoothing.value.toFixed(2)}
            onInput={({ currentTarget }) => {
              smoothing.value = Number(currentTarget.value);
              keep(ofPerson, 'smoothing', currentTarget.value);
            }}
          />
          <output>{smoothing.value.toFixed(2)}</output>
        </label>
        <SpendingChoice names={spendingNames(sources)} />
      </div>
      <Charts panels={panels.filter(({ isMain }) => isMain)} version={version} />
      {others.length === 0 ? null : (
        <details open={areAllShown.value} onToggle={({ currentTarget }) => (areAllShown.value = currentTarget.open)}>
          <summary>All other curves ({others.length})</summary>
          {areAllShown.value ? <Charts panels={others} version={version} /> : null}
        </details>
      )}
    </>
  );
}

function Charts({ panels, version }: { readonly panels: readonly Panel[]; readonly version: number }) {
  return (
    <div class="charts">
      {panels.map(({ name, title, lines }) => (
        <Chart
          key={name}
          title={name.startsWith('spent/') ? `${title}: ${inWords(name.slice('spent/'.length))}` : title}
          lines={lines}
          version={version}
          smoothing={name.startsWith('spent/') ? 0 : smoothing.value}
        />
      ))}
    </div>
  );
}

function SpendingChoice({ names }: { readonly names: readonly string[] }) {
  if (names.length < 2) return null;
  return (
    <label>
      Spending{' '}
      <select
        value={spending.value}
        onChange={({ currentTarget }) => {
          spending.value = currentTarget.value;
        }}
      >
        {names.map((name) => (
          <option key={name} value={name}>
            {inWords(name)}
          </option>
        ))}
      </select>
    </label>
  );
}
