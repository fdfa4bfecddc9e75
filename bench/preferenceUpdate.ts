/** One preference step on the 7 pairs of a tree of horizon 3: IPO, backward, clip to norm 1, AdamW over every weight,
 *  float32. The tree is made up (random ids, so that every side computes the same): a prompt of 64 tokens, utterances
 *  and replies of 24.
 *
 *  Peer: peers/preference_update.py, pairs as an ordinary padded batch, its reference pass included. Ours is given the
 *  reference's log-probabilities, as in a run, where the target has read every utterance in order to answer; a second
 *  figure computes them as well. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { present } from '../src/base/invariant.js';
import { openStream, streamKey } from '../src/base/random.js';
import { openLanguageModel } from '../src/engine/models/languageModel.js';
import { scoreCompletions } from '../src/engine/models/scoreCompletions.js';
import { tokenizerOf, withCheckpoint } from '../src/engine/models/storedModel.js';
import { defaultAdamw } from '../src/engine/optim/adamw.js';
import { openDevice } from '../src/engine/runtime/device.js';
import { createPreferenceTrainer } from '../src/learning/trainers/preference.js';
import type { TrainingPair } from '../src/learning/trainers/trainingData.js';
import { memoryFigure } from './comparison.js';
import { ownSide } from './ownSide.js';
import { peerSides } from './peer.js';
import { medianSeconds, repeatNote } from './repeat.js';
import type { Bench, BenchMetric, Outcome, Repeat } from './types.js';

/** Without what the reference says. */
export type BarePair = Pick<TrainingPair, 'prefix' | 'chosen' | 'rejected'>;

export interface PreferenceUpdateOptions {
  readonly model: string;
  readonly threads: number;
  /** A file of `BarePair`s. */
  readonly pairs: string;
  readonly beta: number;
  readonly learningRate: number;
  readonly repeat: Repeat;
}

const tree = { promptTokens: 64, turnTokens: 24, horizon: 3 } as const;

const figures: readonly BenchMetric[] = [
  { key: 'secondsPerPair', title: 'a pair', unit: 's', better: 'lower' },
  {
    key: 'secondsPerPairWithReference',
    title: 'a pair, the reference computed on both sides',
    unit: 's',
    better: 'lower',
  },
  memoryFigure,
];

export const preferenceUpdate: Bench = async (setup) => {
  const vocabularySize = await withCheckpoint(
    setup.model,
    async (checkpoint) => tokenizerOf(checkpoint).vocabularySize,
  );
  const pairs = join(setup.scratch, 'pairs.json');
  const made = pairsOfTree(vocabularySize);
  writeFileSync(pairs, JSON.stringify(made));
  const options = { model: setup.model, pairs, beta: 0.1, learningRate: 1e-6, repeat: setup.repeat };
  return [
    {
      name: 'update',
      title: `preference update on the ${String(made.length)} pairs of a tree`,
      figures,
      sides: [
        ownSide('Gadfly', 'preferenceUpdate', { ...options, threads: setup.threads }),
        ...peerSides(setup, 'padded PyTorch', 'preference_update', options),
      ],
      targets: [{ kind: 'ratio', side: 'Gadfly', figure: 'secondsPerPair', atLeast: 3 }],
      notes: [
        repeatNote(setup.repeat),
        'The reference’s log-probabilities are known to ours from the rollout, as in a run; the peer has to compute them. Both compute them in the second figure.',
      ],
    },
  ];
};

/** Depth first: a node's pair, then those below its two utterances. */
export function pairsOfTree(vocabularySize: number): readonly BarePair[] {
  const stream = openStream(streamKey(0, 'bench tree'));
  const draw = (length: number): readonly number[] => Array.from({ length }, () => stream.integer(vocabularySize));
  const grow = (prefix: readonly number[], depth: number): readonly BarePair[] => {
    if (depth === 0) return [];
    const [chosen, rejected] = [draw(tree.turnTokens), draw(tree.turnTokens)];
    const below = [chosen, rejected].flatMap((utterance) =>
      grow([...prefix, ...utterance, ...draw(tree.turnTokens)], depth - 1),
    );
    return [{ prefix, chosen, rejected }, ...below];
  };
  return grow(draw(tree.promptTokens), tree.horizon);
}

/** Our side. */
export async function measurePreferenceUpdate(options: PreferenceUpdateOptions): Promise<Outcome> {
  const bare = JSON.parse(readFileSync(options.pairs, 'utf8')) as readonly BarePair[]; // written by the bench
  const device = await openDevice({ threads: options.threads });
  try {
    const reference = await openLanguageModel(device, options.model);
    const policy = await openLanguageModel(device, options.model, { trainable: true });
    const optimizer = { ...defaultAdamw, learningRate: options.learningRate, weightDecay: 0, maxGradientNorm: 1 };
    const trainer = await createPreferenceTrainer(policy, { loss: 'ipo', beta: options.beta, optimizer });
    const readReference = async (): Promise<readonly TrainingPair[]> => {
      const items = bare.flatMap(({ prefix, chosen, rejected }) =>
        [chosen, rejected].map((completion) => ({ prefix, completion })),
      );
      const logProbs = await scoreCompletions(reference, items);
      const of = (i: number): readonly number[] => [...present(logProbs[i], 'a reading of each completion')];
      return bare.map((pair, i) => ({ ...pair, referenceChosen: of(2 * i), referenceRejected: of(2 * i + 1) }));
    };
    const pairs = await readReference();
    const known = await medianSeconds(() => trainer.train(pairs), options.repeat);
    const computed = await medianSeconds(async () => trainer.train(await readReference()), {
      ...options.repeat,
      uncounted: 0,
    });
    const completionTokens = bare.reduce((sum, { chosen, rejected }) => sum + chosen.length + rejected.length, 0);
    return {
      figures: { secondsPerPair: known / bare.length, secondsPerPairWithReference: computed / bare.length },
      work: { pairs: bare.length, 'completion tokens': completionTokens },
    };
  } finally {
    await device.close();
  }
}
