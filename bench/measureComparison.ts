/** Runs the sides of a comparison in turn (ours, peer, ours, peer …), each in a process of its own. */
import { GadflyError } from '../src/base/errors.js';
import { packageRoot } from '../src/base/packageRoot.js';
import { outcomeIn } from './comparison.js';
import { runMeasured } from './measuredProcess.js';
import type { MeasuredSide, Sample } from './results.js';
import type { Comparison, Side } from './types.js';

export interface Measured {
  readonly comparison: Comparison;
  readonly sides: readonly MeasuredSide[];
  /** Failures, each with its side. */
  readonly failures: readonly string[];
}

/** A side that fails once is not run again. */
export async function measureComparison(
  comparison: Comparison,
  runs: number,
  say: (text: string) => void,
): Promise<Measured> {
  const samples = new Map<Side, Sample[]>(comparison.sides.map((side) => [side, []]));
  const failures = new Map<Side, string>();
  for (let run = 1; run <= runs; run++) {
    for (const [side, collected] of samples) {
      if (failures.has(side) || (side.kind === 'recorded' && run > 1)) continue;
      try {
        collected.push(
          await measureOnce(side, (seconds) => {
            say(`${comparison.name}: ${side.label}, run ${String(run)} of ${String(runs)}, ${seconds.toFixed(1)} s`);
          }),
        );
      } catch (error) {
        if (!(error instanceof GadflyError)) throw error;
        failures.set(side, `${side.label} failed: ${error.message}`);
        say(`${comparison.name}: ${failures.get(side) ?? ''}`);
      }
    }
  }
  return {
    comparison,
    sides: [...samples]
      .filter(([side]) => !failures.has(side))
      .map(([side, collected]) => ({
        label: side.label,
        isPeer: side.isPeer,
        recorded: side.kind === 'recorded' ? side.source : null,
        samples: collected,
      })),
    failures: [...failures.values()],
  };
}

async function measureOnce(side: Side, done: (seconds: number) => void): Promise<Sample> {
  if (side.kind === 'recorded') return { outcome: side.outcome, peakMiB: side.peakMiB, others: null };
  const { output, seconds, peakMiB, others } = await runMeasured(side.command, side.args, {
    cwd: packageRoot(),
    ...(side.environment === undefined ? {} : { environment: side.environment }),
  });
  const outcome = outcomeIn(output);
  done(seconds);
  return { outcome, peakMiB, others };
}
