/** GFlowNet fine-tuning in the loop of online learning: trajectory balance on what the epoch drew and on what a buffer of
 *  earlier finds gives back.
 *
 *  Differs from the paper's code: log Z is a head on the last state of each prompt, plus a constant, the mean of
 *  log R − log π in the first epoch; rewards in the buffer are taken up at the present temperature; the same tokens count in
 *  log π, in log π_ref and in the replay. */
import { sumOf } from '../../base/sums.js';
import { present } from '../../base/invariant.js';
import { childKey, openStream, type StreamKey } from '../../base/random.js';
import { splitExchange } from '../../dialogue/pairs.js';
import { treeNodes } from '../../dialogue/rollout/paired.js';
import { optimizerOf } from '../../learning/trainers/optimizerOf.js';
import type { BalanceSample, BalanceTrainer } from '../../learning/trainers/trajectoryBalance.js';
import type { AttackContext, AttackOutcome } from '../attack.js';
import { passesOver } from '../online/batches.js';
import { type OnlineMethod, runOnline } from '../online/loop.js';
import { drawnUtterances, drawPrompts, objectiveMetrics } from '../online/utterances.js';
import type { GflownetOptions } from './options.js';
import { createReplayBuffer, type ReplayBuffer, type Replayed } from './replay.js';

export async function runGflownet(attack: AttackContext, options: GflownetOptions): Promise<AttackOutcome> {
  return runOnline(attack, options, gflownetMethod(options));
}

export function gflownetMethod(options: GflownetOptions): OnlineMethod<readonly BalanceSample[], BalanceTrainer> {
  const buffer = createReplayBuffer(options.replay);
  return {
    valueHead: 'linear',
    memory: { logZ: 0 },
    kept: buffer,
    open: (trainers) => trainers.balance({ optimizer: optimizerOf(options) }),
    draw: ({ prompts }, _epoch, stream) => ({
      prompts: drawPrompts(prompts.train, options, stream),
      given: async () => [],
    }),
    collect: () => ({ pairs: [], metrics: {} }),
    lessons: async ({ trees }, { context, times, memory, epoch, order }) => {
      const temperature = temperatureAt(epoch - 1, options);
      const drawn = await times.during('reference', () =>
        drawnUtterances(context.reference, trees.flatMap(treeNodes), options.scoreClip),
      );
      const found = new Map(
        [...drawn].map(([node, { prefix, completion, reference, score }]): [typeof node, Replayed] => [
          node,
          { text: splitExchange(node.dialogue).utterance.text, prefix, completion, reference: sumOf(reference), score },
        ]),
      );
      const logZ =
        epoch > 1 ? present(memory['logZ'], 'a constant') : meanLogZ([...drawn.values()], temperature, options);
      const sample = ({ prefix, completion, ...rest }: Replayed): BalanceSample => ({
        prefix,
        completion,
        logReward: logReward(rest, temperature, options) - logZ,
      });
      const byTree = trees.map((tree) => ({
        prompt: tree.prompt,
        items: treeNodes(tree).flatMap((node) => found.get(node) ?? []),
      }));
      const fresh = passesOver(byTree, options, childKey(order, 0));
      const outcomes = [...found.values()].map(buffer.offer);
      const batches = withReplay(fresh, buffer, options, childKey(order, 1));
      return {
        batches: batches.map((batch) => batch.map(sample)),
        metrics: {
          ...objectiveMetrics([...drawn.values()], { estimator: 'k1', coefficient: 0 }),
          'replay/size': buffer.size(),
          'replay/kept': outcomes.filter((each) => each !== 'refused').length,
          'balance/rewardTemperature': temperature,
        },
        memory: { logZ },
      };
    },
  };
}

/** Divides log R in an epoch. @param done epochs before it */
export function temperatureAt(done: number, { rewardTemperature }: Pick<GflownetOptions, 'rewardTemperature'>): number {
  const { from, to, epochs } = rewardTemperature;
  return done >= epochs ? to : from + ((to - from) * done) / epochs;
}

/** Returns log R = (log π_ref / γ + score / β) / T, nats. */
export function logReward(
  { reference, score }: Pick<Replayed, 'reference' | 'score'>,
  temperature: number,
  { beta, gamma }: Pick<GflownetOptions, 'beta' | 'gamma'>,
): number {
  return (reference / gamma + score / beta) / temperature;
}

/** Returns the mean of log R − log π of what the untrained policy drew; 0 where nothing earned a reward. */
function meanLogZ(
  drawn: readonly {
    readonly reference: readonly number[];
    readonly logProbs: readonly number[];
    readonly score: number;
  }[],
  temperature: number,
  options: GflownetOptions,
): number {
  const each = drawn.map(
    ({ reference, logProbs, score }) =>
      logReward({ reference: sumOf(reference), score }, temperature, options) - sumOf(logProbs),
  );
  return each.length === 0 ? 0 : sumOf(each) / each.length;
}

/** Puts batches of the buffer among fresh ones, so that they are the share that is asked for, in random order. */
function withReplay(
  fresh: readonly (readonly Replayed[])[],
  buffer: ReplayBuffer,
  { replay, batchSize }: Pick<GflownetOptions, 'replay' | 'batchSize'>,
  stream: StreamKey,
): readonly (readonly Replayed[])[] {
  const wanted = buffer.size() === 0 ? 0 : Math.round((fresh.length * replay.share) / (1 - replay.share));
  const replayed = Array.from({ length: wanted }, (_, i) =>
    buffer.draw(batchSize, replay.temperature, openStream(childKey(stream, i + 1))),
  );
  return openStream(stream).shuffle([...fresh, ...replayed]);
}
