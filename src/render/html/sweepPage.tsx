/** The page of a sweep: a picture and a table for each question that the points answer. */
import { stringify } from 'yaml';
import { PageHead } from './pageHead.js';
import { sweepPictures } from './sweepPanels.js';
import { SweepPictures } from './sweepCharts.js';
import { PointTable, RunTable, SeedTable } from './sweepTableView.js';
import type { SweepView } from '../../report/sweepView.js';
import { headingLegend } from '../../report/metrics.js';
import { intervalUnit, valueLabel } from '../../report/sweepTables.js';

/** Longer tables open when asked for. */
const shownAtOnce = 16;

export function SweepPage({ view: { file, seedKey } }: { view: SweepView }) {
  const { points, keys, tables, configuration } = file;
  const { description, target, adversary, judge } = configuration as Readonly<Record<string, unknown>> & {
    readonly description?: string;
  };
  const done = points.filter(({ status }) => status === 'done').length;
  const swept = new Set(keys.map(({ key }) => key.split('.')[0]));
  const cast = (
    [
      ['target', target],
      ['adversary', adversary],
      ['judge', judge],
    ] as const
  ).filter(([role]) => !swept.has(role));
  return (
    <>
      <PageHead brand="Gadfly sweep" title={file.name} description={description} veils={false}>
        <ul class="cast">
          {cast.map(([role, value]) => (
            <li>
              <span>{role}</span> <code>{valueLabel(value as never)}</code>
            </li>
          ))}
          {keys.map(({ key, label }) => (
            <li>
              <span title={key}>{label}</span>{' '}
              <code>{[...new Set(points.map(({ values }) => valueLabel(values[key])))].join(', ')}</code>
            </li>
          ))}
        </ul>
        {done < points.length && (
          <p class="status" role="status">
            {done} of {points.length} points are done; the sweep is <b>{file.status}</b>.
          </p>
        )}
      </PageHead>
      <main id="results">
        {tables.length === 0 && (
          <section aria-label="Results">
            <p class="finding">No point has been evaluated yet.</p>
          </section>
        )}
        {tables.map((table) => (
          <section aria-label={table.title}>
            <h2>{table.title}</h2>
            <SweepPictures pictures={sweepPictures(table, keys, seedKey)} />
            <SeedTable table={table} keys={keys} seedKey={seedKey} />
            <details class="every-point" open={table.rows.length <= shownAtOnce}>
              <summary>Every point: {table.rows.length} rows</summary>
              <PointTable table={table} keys={keys} />
            </details>
            <p class="aside">
              Small figures are 95% intervals of one run, bootstrapped by {intervalUnit([table])}. {headingLegend}
            </p>
          </section>
        ))}
        <section aria-label="Runs">
          <h2>Runs</h2>
          <RunTable file={file} />
        </section>
        <section aria-label="How it was run">
          <h2>How it was run</h2>
          <p class="aside">
            Every point is the recipe with its values set, run by itself; limits held for each. The run directories say
            on what machine and for how long.
          </p>
          <details>
            <summary>The recipe, with every default</summary>
            <pre>
              <code>{stringify(configuration)}</code>
            </pre>
          </details>
        </section>
      </main>
      <footer>
        <p>Written by gadfly. This page is complete in itself and asks no server for anything.</p>
      </footer>
    </>
  );
}
