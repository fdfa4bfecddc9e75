/** A round of PPO on made-up queries: every prompt opens four dialogues of one utterance of exactly 24 tokens; values and
 *  log-probabilities, the frozen reference's log-probabilities, advantages; four passes of minibatches, each a step of
 *  AdamW over every weight, float32. Scores are given with the queries: neither a target nor a judge counts. Prompts are
 *  random ids, so that every side reads the same.
 *
 *  Peers: peers/ppo_trl_old.py (TRL 0.11, value head on the policy, as ours) and peers/ppo_trl_new.py (TRL 0.12 to 1.12,
 *  a second model as critic). Ours computes once what utterances of a prompt begin with in common. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { present } from '../src/base/invariant.js';
import { openStream, streamKey } from '../src/base/random.js';
import { systemClock } from '../src/base/clock.js';
import { passesOver } from '../src/attacks/online/batches.js';
import { generate } from '../src/engine/models/generate.js';
import { type LanguageModel, openLanguageModel } from '../src/engine/models/languageModel.js';
import { scoreCompletions } from '../src/engine/models/scoreCompletions.js';
import { tokenizerOf, withCheckpoint } from '../src/engine/models/storedModel.js';
import { defaultAdamw } from '../src/engine/optim/adamw.js';
import { openDevice, plainSampling } from '../src/engine/runtime/device.js';
import { generalisedAdvantages, klPenalties, tokenRewards, whiten } from '../src/learning/formulas/advantages.js';
import { createPpoTrainer, type PpoSample, type PpoTrainer } from '../src/learning/trainers/ppo.js';
import { memoryFigure } from './comparison.js';
import { ownSide } from './ownSide.js';
import { peerSides, type PeerProgram } from './peer.js';
import type { Bench, BenchMetric, Comparison, Outcome, TrlVersion } from './types.js';

/** A prompt and what its utterance earns. */
export interface PpoQuery {
  readonly ids: readonly number[];
  readonly score: number;
}

export interface PpoRoundOptions {
  readonly model: string;
  readonly threads: number;
  /** A file of `PpoQuery`s, the same prompt several times in a row. */
  readonly queries: string;
  readonly newTokens: number;
  readonly batchSize: number;
  readonly passes: number;
  readonly learningRate: number;
}

const shape = { dialoguesPerPrompt: 4, promptTokens: { min: 32, max: 64 }, newTokens: 24, batchSize: 8, passes: 4 };

const secondsOf = (key: string, title: string): BenchMetric => ({ key, title, unit: 's', better: 'lower' });
const figures: readonly BenchMetric[] = [
  secondsOf('whole', 'a round'),
  secondsOf('rollout', 'its rollout'),
  secondsOf('values', 'its values and reference'),
  secondsOf('update', 'its update'),
];

const peers: readonly {
  readonly version: TrlVersion;
  readonly program: PeerProgram;
  readonly atLeast: number;
  readonly more: readonly BenchMetric[];
  readonly note: string;
}[] = [
  {
    version: '0.11.4',
    program: 'ppo_trl_old',
    atLeast: 1.5,
    more: [],
    note: 'The peer’s value head lies on the policy, as ours.',
  },
  {
    version: '1.12.0',
    program: 'ppo_trl_new',
    atLeast: 2,
    more: [secondsOf('critic', 'the critic’s part of it')],
    note: 'The peer’s critic is a second model of the policy’s size: its part is a row of its own.',
  },
];

export const ppoRound: Bench = async (setup) => {
  const { vocabularySize, endIds } = await withCheckpoint(setup.model, async (checkpoint) => tokenizerOf(checkpoint));
  const queries = join(setup.scratch, 'queries.json');
  const made = madeUpQueries(setup.utterances, { vocabularySize, endIds });
  writeFileSync(queries, JSON.stringify(made));
  const { newTokens, batchSize, passes } = shape;
  const options = { model: setup.model, queries, newTokens, batchSize, passes, learningRate: 1e-6 };
  return peers.map(({ version, program, atLeast, more, note }): Comparison => ({
    name: `ppo/trl-${version}`,
    title: `a PPO round of ${String(made.length)} utterances, TRL ${version}`,
    figures: [...figures, ...more, memoryFigure],
    sides: [
      ownSide('Gadfly', 'ppoRound', { ...options, threads: setup.threads }),
      ...peerSides(setup, `TRL ${version}`, program, options, () => ({ PYTHONPATH: setup.trl(version) })),
    ],
    targets: [{ kind: 'ratio', side: 'Gadfly', figure: 'whole', atLeast }],
    notes: [note, 'A process plays a round of two utterances first, uncounted.'],
  }));
};

/** @param utterances rounded up to whole prompts */
export function madeUpQueries(
  utterances: number,
  { vocabularySize, endIds }: { readonly vocabularySize: number; readonly endIds: readonly number[] },
): readonly PpoQuery[] {
  const stream = openStream(streamKey(0, 'bench queries'));
  const { dialoguesPerPrompt, promptTokens } = shape;
  const ordinary = Array.from({ length: vocabularySize }, (_, id) => id).filter((id) => !endIds.includes(id));
  return Array.from({ length: Math.ceil(utterances / dialoguesPerPrompt) }, () => {
    const length = promptTokens.min + stream.integer(promptTokens.max - promptTokens.min + 1);
    const ids = Array.from({ length }, () => present(ordinary[stream.integer(ordinary.length)], 'an id'));
    return Array.from({ length: dialoguesPerPrompt }, () => ({ ids, score: stream.normal() }));
  }).flat();
}

/** Our side. */
export async function measurePpoRound(options: PpoRoundOptions): Promise<Outcome> {
  const queries = JSON.parse(readFileSync(options.queries, 'utf8')) as readonly PpoQuery[]; // written by the bench
  const device = await openDevice({ threads: options.threads });
  try {
    const reference = await openLanguageModel(device, options.model);
    const valueHead = { kind: 'linear', seed: 0 } as const;
    const policy = await openLanguageModel(device, options.model, { trainable: true, valueHead });
    // As the peers: no decay, no gradient clipping.
    const { learningRate } = options;
    const optimizer = { ...defaultAdamw, learningRate, weightDecay: 0, maxGradientNorm: null };
    const trainer = await createPpoTrainer(policy, { optimizer });
    const sides = { policy, reference, trainer };
    await playRound(sides, queries.slice(0, 2), { ...options, newTokens: 2, passes: 1 });
    return await playRound(sides, queries, options);
  } finally {
    await device.close();
  }
}

async function playRound(
  { policy, reference, trainer }: { policy: LanguageModel; reference: LanguageModel; trainer: PpoTrainer },
  queries: readonly PpoQuery[],
  { newTokens, passes, batchSize }: Pick<PpoRoundOptions, 'newTokens' | 'passes' | 'batchSize'>,
): Promise<Outcome> {
  const stepsBefore = trainer.step();
  const began = systemClock.monotonicMs();
  const drawn = await generate(
    policy,
    queries.map(({ ids }, i) => ({ ids, stream: streamKey(0, 'bench', i) })),
    { ...plainSampling, minNewTokens: newTokens, maxNewTokens: newTokens, stopIds: policy.tokenizer.endIds },
  );
  const spoken = systemClock.monotonicMs();
  const asked = queries.map(({ ids }, i) => ({
    prefix: ids,
    completion: present(drawn[i], 'an utterance per query').ids,
    afterEnd: false,
  }));
  const readings = await trainer.read(asked);
  const referenceLogProbs = await scoreCompletions(reference, asked);
  const known = systemClock.monotonicMs();
  const credited = asked.map((completion, i) => {
    const old = present(readings[i], 'a reading per utterance');
    const penalties = klPenalties(old.logProbs, [...present(referenceLogProbs[i], 'a reference per utterance')], {
      estimator: 'k1',
      coefficient: 0.2,
    });
    const rewards = tokenRewards(penalties, present(queries[i], 'a query').score, 'atLast');
    const advantages = generalisedAdvantages({ rewards, values: old.values, next: null }, { gamma: 1, lambda: 0.95 });
    return { completion, old, advantages, returns: advantages.map((each, t) => each + (old.values[t] ?? NaN)) };
  });
  const whitened = whiten(
    credited.map(({ advantages }) => advantages),
    'nothing',
  );
  const samples = credited.map(({ completion, old, returns }, i): PpoSample => ({
    ...completion,
    old,
    returns,
    advantages: present(whitened[i], 'advantages per utterance'),
  }));
  const prompts = new Map(queries.map(({ ids }) => [ids.join(), { id: ids.join(), text: '', conversationId: '' }]));
  const batches = passesOver(
    samples.map((sample, i) => ({
      prompt: present(prompts.get(queries[i]?.ids.join() ?? ''), 'a prompt'),
      items: [sample],
    })),
    { passes, batchSize },
    streamKey(0, 'bench order'),
  );
  for (const batch of batches) await trainer.train(batch);
  const end = systemClock.monotonicMs();
  const seconds = (from: number, to: number): number => (to - from) / 1000;
  return {
    figures: {
      whole: seconds(began, end),
      rollout: seconds(began, spoken),
      values: seconds(spoken, known),
      update: seconds(known, end),
    },
    work: {
      utterances: queries.length,
      'drawn tokens': drawn.reduce((sum, { ids }) => sum + ids.length, 0),
      'optimizer steps': trainer.step() - stepsBefore,
    },
  };
}
