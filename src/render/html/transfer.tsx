/** The matrix of attacks × targets. */
import type { TransferMatrix } from '../../report/transferMatrix.js';

export function Transfer({ matrix }: { matrix: TransferMatrix | null }) {
  if (matrix === null) return null;
  return (
    <>
      <h4>{matrix.title}</h4>
      <div class="scroll" tabIndex={0} role="region" aria-label={matrix.title}>
        <table class="results">
          <thead>
            <tr>
              <th scope="col">adversary</th>
              {matrix.targets.map((target) => (
                <th scope="col" class="number">
                  {target}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {matrix.rows.map(({ adversary, cells }) => (
              <tr>
                <th scope="row">{adversary}</th>
                {cells.map((cell) => (
                  <td class="number">{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="aside">{matrix.legend}</p>
    </>
  );
}
