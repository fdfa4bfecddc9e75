/** Shows what a run has found: sentences, rows, differences, pictures, rounds of a loop, estimates, notes. */
import type { EstimateFacts, LoopCellFacts, RunSummary } from '../../src/server/runs/protocol.js';
import { ClusterMap } from './clusterMap.js';
import { DialoguePoints } from './dialoguePoints.js';
import { arrow, changeInterval, changeText, intervalText, percent } from './figures.js';
import { Frontier } from './frontier.js';
import { metricNames, RowsTable } from './rowsTable.js';

export function Found({ summary }: { readonly summary: RunSummary }) {
  const { run, rows, metrics, findings, notes, loop, estimates, points, map } = summary;
  if (rows.length === 0 && notes.length === 0 && map === null && estimates.length === 0)
    return <p class="soft">Nothing is evaluated yet.</p>;
  const { main, others } = metricNames(rows);
  const rowNames = [...new Set(rows.map(({ name }) => name))];
  const lines = rows.map((row) => ({ key: `${row.name} ${row.judge}`, title: row.name, row }));
  return (
    <section aria-labelledby="found">
      <h2 id="found">Found</h2>
      {findings.map((finding) => (
        <p key={finding} class="finding">
          {finding}
        </p>
      ))}
      {rows.length === 0 ? null : <RowsTable label="Rows" rows={lines} metrics={metrics} shown={main} />}
      {others.length === 0 ? null : (
        <details>
          <summary>All other measures ({others.length})</summary>
          <RowsTable label="All other measures" rows={lines} metrics={metrics} shown={others} />
        </details>
      )}
      <Differences summary={summary} />
      <div class="pictures">
        <Frontier rows={rows.map((row) => ({ label: row.name, group: rowNames.indexOf(row.name), row }))} />
        <DialoguePoints id={run.id} points={points} />
        <ClusterMap id={run.id} summary={summary} />
      </div>
      <Loop cells={loop} />
      <Estimates estimates={estimates} />
      {notes.length === 0 ? null : (
        <ul class="notes" aria-label="Notes">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Rows against the baseline row, pair by pair on the same prompts. */
function Differences({ summary: { differences, metrics } }: { readonly summary: RunSummary }) {
  const [first] = differences;
  if (first === undefined) return null;
  const names = metricNames(
    differences.map(({ row, judge, metrics: own }) => ({ ...blank, name: row, judge, metrics: own })),
  );
  return (
    <>
      <h3>Difference from {first.baseline}, on the same prompts</h3>
      <div class="table" role="region" aria-label="Differences from the baseline row" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Row</th>
              {names.main.map((name) => (
                <th key={name} scope="col" class="number" title={metrics[name]?.meaning}>
                  {metrics[name]?.label ?? name}
                  {arrow(metrics[name])}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {differences.map(({ row, judge, metrics: own, pValues }) => (
              <tr key={`${row} ${judge}`}>
                <th scope="row">
                  {row}
                  <span class="soft">{judge}</span>
                </th>
                {names.main.map((name) => {
                  const value = own[name];
                  const unit = metrics[name]?.unit;
                  const p = pValues[name];
                  return (
                    <td key={name} class="number">
                      {value === undefined ? '–' : changeText(value.mean, unit)}
                      {value === undefined ? null : <span class="soft">{changeInterval(value, unit)}</span>}
                      {p === undefined ? null : <span class="soft">p {p < 0.001 ? '< 0.001' : p.toFixed(3)}</span>}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

const blank = { attack: '', target: '', dialogues: 0, turns: 0 };

/** Adversaries down, the targets of the rounds across. */
function Loop({ cells }: { readonly cells: readonly LoopCellFacts[] }) {
  if (cells.length === 0) return null;
  const rounds = [...new Map(cells.map(({ round, target }) => [round, target]))];
  const adversaries = [...new Set(cells.map(({ adversary }) => adversary))];
  return (
    <>
      <h3>Rounds: replies failed ↓</h3>
      <div class="table" role="region" aria-label="Rounds of attack and mending" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Adversary</th>
              {rounds.map(([round, target]) => (
                <th key={round} scope="col" class="number">
                  {target}
                  <span class="soft">round {round}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {adversaries.map((adversary) => (
              <tr key={adversary}>
                <th scope="row">{adversary}</th>
                {rounds.map(([round]) => {
                  const cell = cells.find((each) => each.round === round && each.adversary === adversary);
                  const rate = cell?.rate ?? null;
                  return (
                    <td key={round} class={`number heat h${String(Math.min(4, Math.floor(5 * (rate?.mean ?? 0))))}`}>
                      {rate === null ? '–' : percent(rate.mean)}
                      {rate === null ? null : <span class="soft">{intervalText(rate, 'share')}</span>}
                      {cell?.fresh === true ? <span class="soft">trained on it</span> : null}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Estimates({ estimates }: { readonly estimates: readonly EstimateFacts[] }) {
  if (estimates.length === 0) return null;
  return (
    <>
      <h3>Estimates of ordinary use</h3>
      {estimates.map(({ name, sentences }) => (
        <ul key={name} class="notes" aria-label={name}>
          {sentences.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      ))}
    </>
  );
}
