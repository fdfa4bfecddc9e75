/** The map of an exploration: every dot a sample, alike ones near each other. A cluster that is chosen is set apart; what
 *  its samples say is asked of the server when it is to be shown. */
import { useEffect, useState } from 'preact/hooks';
import type { ClusterTexts, RunSummary } from '../../src/server/runs/protocol.js';
import { askCluster } from './api.js';
import { countOf } from './figures.js';
import { useWidth } from './width.js';

const margin = 10;

export function ClusterMap({ id, summary }: { readonly id: string; readonly summary: RunSummary }) {
  const { map, clusters } = summary;
  const { ref, width } = useWidth(560);
  const [chosen, choose] = useState<number | null>(null);
  if (map === null || clusters.length === 0) return null;
  const rise = Math.max(0.2, ...map.points.map(([, y]) => y));
  const size = width - 2 * margin;
  const path = (cluster: number): string =>
    map.points
      .filter((point) => point[2] === cluster)
      .map(([x, y]) => `M${(margin + x * size).toFixed(1)} ${(margin + y * size).toFixed(1)}h0`)
      .join('');
  const picked = clusters.find(({ cluster }) => cluster === chosen);
  return (
    <figure class="chart wide">
      <figcaption>
        What the target says: {countOf(map.samples, 'sample')} in {countOf(clusters.length, 'cluster')}, alike ones near
        each other
      </figcaption>
      <div ref={ref}>
        <svg viewBox={`0 0 ${String(width)} ${String(Math.ceil(rise * size + 2 * margin))}`} aria-hidden="true">
          {clusters.map(({ cluster }, i) => (
            <path
              key={cluster}
              class={`dots c${String(i % 8)}${chosen === null || chosen === cluster ? '' : ' faint'}`}
              d={path(cluster)}
              onClick={() => {
                choose(cluster === chosen ? null : cluster);
              }}
            />
          ))}
        </svg>
      </div>
      <label class="choice">
        Cluster{' '}
        <select
          value={chosen === null ? '' : String(chosen)}
          onChange={({ currentTarget: { value } }) => {
            choose(value === '' ? null : Number(value));
          }}
        >
          <option value="">all</option>
          {clusters.map(({ cluster, size: count, kept }) => (
            <option key={cluster} value={String(cluster)}>
              {cluster}: {countOf(count, 'sample')}, {kept} to label
            </option>
          ))}
        </select>
      </label>
      {picked === undefined ? null : <Texts key={picked.cluster} id={id} cluster={picked.cluster} />}
    </figure>
  );
}

function Texts({ id, cluster }: { readonly id: string; readonly cluster: number }) {
  const [isShown, show] = useState(false);
  const [texts, setTexts] = useState<ClusterTexts | null>(null);
  useEffect(() => {
    if (isShown && texts === null) void askCluster(id, cluster).then(setTexts, () => undefined);
  }, [isShown]);
  return (
    <div class="cluster">
      <button
        type="button"
        aria-pressed={isShown}
        onClick={() => {
          show(!isShown);
        }}
      >
        {isShown ? 'Cover the samples' : `Show what samples of cluster ${String(cluster)} say`}
      </button>
      {!isShown || texts === null ? null : (
        <>
          <p class="soft" dir="auto">
            Words that set it apart: {texts.words.join(', ')}
          </p>
          <ol class="notes">
            {texts.examples.map((text, i) => (
              <li key={i} class="text" dir="auto">
                {text}
              </li>
            ))}
          </ol>
        </>
      )}
    </div>
  );
}
