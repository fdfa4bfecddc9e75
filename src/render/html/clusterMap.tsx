/** The map of an exploration: every dot a sample, alike ones near each other, with a card per cluster to look into. A
 *  cluster of the map is a link to its card, so that it works without the page's script; with it arrow keys go from
 *  cluster to cluster. What the samples say is on the cards, covered. */
import { present } from '../../base/invariant.js';
import type { ClusterMap as MapData, ClusterReport } from '../../report/report.js';
import { VeiledText, type Veil } from './dialogues.js';

/** The drawing is as wide as this, and no higher than that; its dots stay away from the edge. */
const [width, mostHeight, margin] = [640, 600, 16];

/** Clusters with a number on the map, the largest. */
const labelled = 30;

/** Labels that are nearer to each other than this would overlap. */
const labelGap = 26;

interface MapProps {
  readonly map: MapData;
  /** The largest first. */
  readonly clusters: readonly ClusterReport[];
  readonly veil: Veil;
}

interface Drawn {
  readonly cluster: ClusterReport;
  /** Index of its colour. */
  readonly style: number;
  readonly places: readonly (readonly [number, number])[];
}

export function ClusterMap({ map, clusters, veil }: MapProps) {
  const { drawn, height } = drawClusters(map, clusters);
  return (
    <div class="cluster-look">
      <figure class="chart cluster-map">
        <figcaption>
          <b>Map</b>{' '}
          <span>
            {map.points.length.toLocaleString('en')} of {map.samples.toLocaleString('en')} samples, alike ones near each
            other (UMAP). Choose a cluster to look into it: by pointer, or with arrow keys and Enter.
          </span>
        </figcaption>
        <svg viewBox={`0 0 ${width} ${height}`} role="group" aria-label={`Map of ${drawn.length} clusters of samples`}>
          {drawn.map(({ cluster, style, places }) => (
            <a href={`#${cardId(cluster)}`} class={`s${style}`} aria-label={clusterTitle(cluster)}>
              <title>{clusterTitle(cluster)}</title>
              <path class="dots" d={places.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join('')} />
            </a>
          ))}
          <g class="names" aria-hidden="true">
            {labelPlaces(drawn).map(({ name, x, y }) => (
              <text x={x.toFixed(1)} y={(y + 4.5).toFixed(1)} text-anchor="middle">
                {name}
              </text>
            ))}
          </g>
        </svg>
      </figure>
      <div class="cluster-cards">
        <p class="hint">
          The card of a cluster that is chosen on the map stands here, with its words and the samples nearest to its
          centre.
        </p>
        {drawn.map((each) => (
          <ClusterCard {...each} veil={veil} />
        ))}
      </div>
    </div>
  );
}

function ClusterCard({ cluster, style, veil }: Drawn & { readonly veil: Veil }) {
  const { size, kept, words, examples } = cluster;
  return (
    <article class="sample" id={cardId(cluster)} tabIndex={-1} aria-labelledby={`${cardId(cluster)}-title`}>
      <header>
        <h3 id={`${cardId(cluster)}-title`}>
          <span class={`dot s${style}`} aria-hidden="true" />
          Cluster {cluster.cluster}{' '}
          <small>
            {size.toLocaleString('en')} samples, {kept.toLocaleString('en')} to label
          </small>
        </h3>
        <button type="button" class="reveal" aria-expanded="false">
          Show text
        </button>
      </header>
      {words.length > 0 && (
        <>
          <h4>Words that set it apart</h4>
          <p class="cluster-words">
            {words.map(({ word }) => (
              <VeiledText text={word} veil={veil} inline />
            ))}
          </p>
        </>
      )}
      <h4>Nearest to the centre</h4>
      <ol>
        {examples.map((text) => (
          <li class="turn">
            <VeiledText text={text} veil={veil} />
          </li>
        ))}
      </ol>
    </article>
  );
}

/** Returns the id of a cluster's card, which the map and the table link to. */
export function cardId({ cluster }: Pick<ClusterReport, 'cluster'>): string {
  return `cluster-${String(cluster)}`;
}

function clusterTitle({ cluster, size }: ClusterReport): string {
  return `Cluster ${String(cluster)}: ${size.toLocaleString('en')} samples`;
}

interface Drawing {
  readonly drawn: readonly Drawn[];
  readonly height: number;
}

/** Returns the clusters that have samples on the map, with their places in a drawing that is filled. */
function drawClusters({ points }: MapData, clusters: readonly ClusterReport[]): Drawing {
  const [xs, ys] = [extentOf(points.map(([x]) => x)), extentOf(points.map(([, y]) => y))];
  const scale = Math.min((width - 2 * margin) / xs.size, (mostHeight - 2 * margin) / ys.size);
  const [left, height] = [(width - scale * xs.size) / 2, scale * ys.size + 2 * margin];
  const places = new Map<number, [number, number][]>(clusters.map(({ cluster }) => [cluster, []]));
  for (const [x, y, cluster] of points)
    places.get(cluster)?.push([left + (x - xs.low) * scale, height - margin - (y - ys.low) * scale]);
  const drawn = clusters
    .map((cluster, i) => ({ cluster, style: i % 6, places: present(places.get(cluster.cluster), 'each cluster') }))
    .filter((each) => each.places.length > 0);
  return { drawn, height: Math.ceil(height) };
}

/** @returns a size above zero */
function extentOf(values: readonly number[]): { readonly low: number; readonly size: number } {
  const low = values.reduce((least, value) => Math.min(least, value), Infinity);
  const high = values.reduce((most, value) => Math.max(most, value), -Infinity);
  return { low, size: Math.max(high - low, 0.05) };
}

interface Label {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

/** Places the numbers of the largest clusters at the medians of their samples, and leaves out those that would overlap. */
function labelPlaces(drawn: readonly Drawn[]): readonly Label[] {
  const placed: Label[] = [];
  for (const { cluster, places } of drawn.slice(0, labelled)) {
    const [x, y] = [median(places.map(([at]) => at)), median(places.map(([, at]) => at))];
    if (placed.some((other) => Math.hypot(other.x - x, other.y - y) < labelGap)) continue;
    placed.push({ name: String(cluster.cluster), x, y });
  }
  return placed;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
