/** Measures how long each phase of an epoch took: adversary, target, judge, training. For logs only; nothing depends on
 *  it. */
import type { Clock } from '../base/clock.js';
import type { RolloutCast } from '../dialogue/rollout/exchange.js';
import { keepOrigin } from '../dialogue/origins.js';
import type { JudgedItem, SpeakRequest, Target } from '../dialogue/types.js';

export interface PhaseTimes {
  readonly during: <T>(phase: string, work: () => Promise<T>) => Promise<T>;
  /** The cast, with the time of each of its members noted under `prefix` + role. */
  readonly cast: <C extends RolloutCast>(cast: C, prefix?: string) => C;
  /** Seconds by phase since the last call, named 'time/PHASE'. */
  readonly take: () => Readonly<Record<string, number>>;
}

export function createPhaseTimes(clock: Clock): PhaseTimes {
  let seconds: Record<string, number> = {};
  const during = async <T>(phase: string, work: () => Promise<T>): Promise<T> => {
    const start = clock.monotonicMs();
    try {
      return await work();
    } finally {
      const name = `time/${phase}`;
      seconds[name] = (seconds[name] ?? 0) + (clock.monotonicMs() - start) / 1000;
    }
  };
  return {
    during,
    cast: (cast, prefix = '') => ({
      ...cast,
      adversary: keepOrigin(
        {
          ...cast.adversary,
          speak: (requests: readonly SpeakRequest[]) =>
            during(`${prefix}adversary`, () => cast.adversary.speak(requests)),
        },
        cast.adversary,
      ),
      target: keepOrigin(
        timedTarget(cast.target, (work) => during(`${prefix}target`, work)),
        cast.target,
      ),
      judge: keepOrigin(
        {
          ...cast.judge,
          judge: (items: readonly JudgedItem[]) => during(`${prefix}judge`, () => cast.judge.judge(items)),
        },
        cast.judge,
      ),
    }),
    take: () => {
      const taken = seconds;
      seconds = {};
      return taken;
    },
  };
}

function timedTarget(target: Target, during: <T>(work: () => Promise<T>) => Promise<T>): Target {
  const { scoreTexts } = target;
  return {
    ...target,
    reply: (requests) => during(() => target.reply(requests)),
    ...(scoreTexts === undefined ? {} : { scoreTexts: (requests) => during(() => scoreTexts(requests)) }),
  };
}
