/** A table of rows: what they differ by from the baseline row, or attacks × targets. */
import type { RowTable } from '../../report/rowDifferences.js';
import { Dot } from './charts.js';
import type { RowStyles } from './results.js';

export function RowTableView({ table, styles }: { table: RowTable | null; styles: RowStyles }) {
  if (table === null) return null;
  return (
    <>
      <h4>{table.title}</h4>
      <div class="scroll" tabIndex={0} role="region" aria-label={table.title}>
        <table class="results">
          <thead>
            <tr>
              <th scope="col">adversary</th>
              {table.columns.map((heading) => (
                <th scope="col" class="number">
                  {heading}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.rows.map(({ name, cells }) => (
              <tr>
                <th scope="row">
                  <Dot style={styles.get(name) ?? 0} />
                  {name}
                </th>
                {cells.map((cell) => (
                  <td class="number">{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="aside">{table.legend}</p>
    </>
  );
}
