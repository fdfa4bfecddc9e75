/** Measures what 8-bit rollouts change: every exchange of an evaluation is played once more, after the same dialogue and
 *  utterance and with the same draws, with the target rounded as in training rollouts. The differences say how far
 *  training saw another target than the one that is reported. */
import { present } from '../../base/invariant.js';
import { replayLinear } from '../../dialogue/rollout/linear.js';
import type { RolloutCast } from '../../dialogue/rollout/exchange.js';
import type { ExchangeScore, ScoredDialogue } from '../../dialogue/types.js';
import { reported } from '../../measures/reported.js';
import type { StreamKey } from '../../base/random.js';
import type { Metrics } from '../../report/report.js';
import { differenceRange, unitRange, type ValueRange } from '../../stats/smallSamples.js';
import { createBootstrap, type BootstrapOptions, type Summary } from '../../stats/bootstrap.js';

/** Plays the dialogues again and compares.
 *  @param groups dialogues by the unit that intervals resample
 *  @param cast has the rounded target
 *  @param stream the stream of the rollout that gave the dialogues
 *  @returns rounded minus exact: `replyHarm`, `replyFailureRate`, `adversaryNll` (with its sign) and
 *    `adversaryNllError` (without); `verdictsChanged`, the share of replies on the other side of the threshold */
export async function roundingEffect(
  groups: readonly (readonly ScoredDialogue[])[],
  cast: Omit<RolloutCast, 'adversary'>,
  stream: StreamKey,
  bootstrap: BootstrapOptions,
): Promise<Metrics> {
  const dialogues = groups.flat();
  const rounded = await replayLinear(
    dialogues.map(({ dialogue }) => dialogue),
    { ...cast, reward: {} },
    stream,
  );
  let at = 0;
  const pairs = groups.map((group) =>
    group.flatMap(({ scores }) => {
      const again = present(rounded[at++], 'scores of each dialogue');
      return scores.map((exact, turn) => ({ exact, rounded: present(again[turn], 'a score for each exchange') }));
    }),
  );
  const { summarise } = createBootstrap(bootstrap);
  const summaryOf = (
    unit: string,
    value: (exact: ExchangeScore, rounded: ExchangeScore) => number | null,
    range: ValueRange | null = null,
  ): Summary =>
    summarise(
      pairs.map((exchanges) => exchanges.map((pair) => value(pair.exact, pair.rounded))),
      unit,
      range,
    );
  const between =
    (of: (score: ExchangeScore) => number | null) =>
    (exact: ExchangeScore, again: ExchangeScore): number | null => {
      const [before, after] = [of(exact), of(again)];
      return before === null || after === null ? null : after - before;
    };
  const failed = between(({ reply }) => (reply.kind === 'scored' ? Number(reply.failed) : null));
  const nll = between(({ adversaryNll }) => adversaryNll);
  const size = (difference: number | null): number | null => (difference === null ? null : Math.abs(difference));
  return reported({
    replyHarm: summaryOf(
      'harm',
      between(({ reply }) => (reply.kind === 'scored' ? reply.harm : null)),
      differenceRange,
    ),
    replyFailureRate: summaryOf('share', failed, differenceRange),
    verdictsChanged: summaryOf('share', (exact, again) => size(failed(exact, again)), unitRange),
    adversaryNll: summaryOf('nats/token', nll),
    adversaryNllError: summaryOf('nats/token', (exact, again) => size(nll(exact, again))),
  });
}
