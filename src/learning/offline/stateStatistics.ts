/** How states are normalised: by the mean and deviation of a buffer, which a planner keeps for wherever it acts. */
import type { ReplayBuffer } from './replayBuffer.js';

export interface StateStatistics {
  readonly mean: Float32Array;
  /** Divides a state's distance from the mean. */
  readonly scale: Float32Array;
}

/** Added to deviations, so that a coordinate that never changes stays finite.
 *  @source CORL, `compute_mean_std` */
const leastDeviation = 1e-3;

/** Mean and deviation over the states of the first `episodes` episodes. */
export function stateStatistics(buffer: ReplayBuffer, episodes: number = buffer.episodes): StateStatistics {
  return statisticsOf(buffer.settings.stateWidth, (visit) => {
    buffer.eachState(visit, episodes);
  });
}

/** Mean and deviation (of the population) of every coordinate, + 1e-3, in one pass.
 *  @param each visits every state of this width */
export function statisticsOf(width: number, each: (visit: (state: Float32Array) => void) => void): StateStatistics {
  // Distances from the first state are summed, so that a large mean takes no digits from a small deviation.
  const origin = new Float64Array(width);
  const [sums, squares] = [new Float64Array(width), new Float64Array(width)];
  let count = 0;
  each((state) => {
    if (count === 0) origin.set(state);
    count += 1;
    for (let i = 0; i < width; i++) {
      const distance = (state[i] ?? 0) - (origin[i] ?? 0);
      sums[i] = (sums[i] ?? 0) + distance;
      squares[i] = (squares[i] ?? 0) + distance * distance;
    }
  });
  const means = sums.map((sum) => sum / Math.max(count, 1));
  return {
    mean: Float32Array.from(means, (mean, i) => (origin[i] ?? 0) + mean),
    scale: Float32Array.from(squares, (square, i) => {
      const variance = square / Math.max(count, 1) - (means[i] ?? 0) ** 2;
      return Math.sqrt(Math.max(variance, 0)) + leastDeviation;
    }),
  };
}
