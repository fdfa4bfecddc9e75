/** Shows what exploring has found: the clusters of samples, the largest first, each with its words and the samples nearest
 *  to its centre. All of it is text of models, and covered. */
import type { ClusterReport } from '../../report/report.js';
import { cardId } from './clusterMap.js';
import { VeiledText, type Veil } from './dialogues.js';

interface ClustersProps {
  readonly clusters: readonly ClusterReport[];
  /** Whether each cluster has a card beside the map. */
  readonly hasCards: boolean;
  readonly veil: Veil;
}

export function Clusters({ clusters, hasCards, veil }: ClustersProps) {
  const most = Math.max(...clusters.map(({ size }) => size), 1);
  return (
    <div class="scroll fit clusters" tabIndex={0} role="region" aria-label="Clusters">
      <table class="results">
        <thead>
          <tr>
            <th scope="col">cluster</th>
            <th scope="col">samples</th>
            <th scope="col" class="number">
              to label
            </th>
            <th scope="col">words that set it apart</th>
            <th scope="col">nearest to the centre</th>
          </tr>
        </thead>
        <tbody>
          {clusters.map(({ cluster, size, kept, words, examples }) => (
            <tr>
              <th scope="row">{hasCards ? <a href={`#${cardId({ cluster })}`}>{cluster}</a> : cluster}</th>
              <td>
                <span class="meter wide" aria-hidden="true">
                  <span style={{ width: `${((100 * size) / most).toFixed(0)}%` }} />
                </span>
                {size.toLocaleString('en')}
              </td>
              <td class="number">{kept.toLocaleString('en')}</td>
              <td>
                {words.map(({ word }) => (
                  <VeiledText text={word} veil={veil} inline />
                ))}
              </td>
              <td>
                <details>
                  <summary>{examples.length} samples</summary>
                  {examples.map((text) => (
                    <VeiledText text={text} veil={veil} />
                  ))}
                </details>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
