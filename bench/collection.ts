/** Collecting dialogues that a planner steers: 32 dialogues of 3 exchanges in one batch. Each exchange reads the state of
 *  the speaker's context, decides (the clone's action and noise), raises the action to two soft tokens at the end of the
 *  context, draws 24 tokens, and has the same model answer with 24 tokens of its own. First contexts are 64 random tokens;
 *  8 more stand before each utterance and each reply, as a chat template would put them there. No judge.
 *
 *  Peer: peers/collection.py (transformers' generate with `inputs_embeds`), in the same batch, and one dialogue at a time
 *  as the released code of Dialogue Action Tokens collects. */
import { present } from '../src/base/invariant.js';
import { childKey, openStream, streamKey } from '../src/base/random.js';
import { generate } from '../src/engine/models/generate.js';
import { hashLanguageModel, type LanguageModel, openLanguageModel } from '../src/engine/models/languageModel.js';
import { openDevice, plainSampling } from '../src/engine/runtime/device.js';
import { createPlanner } from '../src/learning/planner/planner.js';
import { type PlannerSettings, stateWidth } from '../src/learning/planner/plannerSettings.js';
import { openStateReader } from '../src/learning/planner/states.js';
import { exploring, type PlannerSteering, steerBy } from '../src/learning/planner/steer.js';
import { tokenScaleOf } from '../src/learning/planner/tokenTable.js';
import { memoryFigure } from './comparison.js';
import { ownSide } from './ownSide.js';
import { peerSides } from './peer.js';
import { medianSeconds, repeatNote } from './repeat.js';
import type { Bench, Outcome, Repeat } from './types.js';

export interface CollectionBenchOptions {
  readonly model: string;
  readonly threads: number;
  readonly dialogues: number;
  /** Dialogues that are played at once. */
  readonly batch: number;
  readonly exchanges: number;
  readonly contextTokens: number;
  readonly separatorTokens: number;
  readonly newTokens: number;
  readonly softTokens: number;
  readonly actionWidth: number;
  readonly repeat: Repeat;
}

const shape = { exchanges: 3, contextTokens: 64, separatorTokens: 8, newTokens: 24, softTokens: 2, actionWidth: 8 };

export const collection: Bench = (setup) => {
  const { model, threads } = setup;
  const dialogues = setup.quick ? 2 : 32;
  const repeat = { ...setup.repeat, uncounted: 0, counted: 1 };
  const options = { model, ...shape, dialogues, batch: dialogues, repeat };
  return Promise.resolve([
    {
      name: 'collection',
      title: `${String(dialogues)} steered dialogues of ${String(shape.exchanges)} exchanges`,
      figures: [{ key: 'dialogues', title: 'dialogues per second', unit: '1/s', better: 'higher' }, memoryFigure],
      sides: [
        ownSide('Gadfly', 'collection', { ...options, threads }),
        ...peerSides(setup, 'transformers', 'collection', options),
        ...peerSides(setup, 'transformers, one by one', 'collection', { ...options, batch: 1 }),
      ],
      targets: [{ kind: 'ratio', side: 'Gadfly', figure: 'dialogues', atLeast: 2 }],
      notes: [
        repeatNote(repeat),
        'Ratios are against the peer in the same batch. The peer computes in float32, and reads a context anew for the state and for the utterance, as ours does.',
      ],
    },
  ]);
};

/** Our side. */
export async function measureCollection(options: CollectionBenchOptions): Promise<Outcome> {
  const device = await openDevice({ threads: options.threads });
  try {
    const model = await openLanguageModel(device, options.model);
    const settings: PlannerSettings = {
      model: await hashLanguageModel(model),
      width: model.architecture.config.width,
      layer: -1,
      position: 'suffix',
      tokens: options.softTokens,
      actionWidth: options.actionWidth,
      hidden: [model.architecture.config.width, options.actionWidth],
      mapping: 'learned',
      horizon: options.exchanges,
    };
    const width = stateWidth(settings);
    const planner = await createPlanner(device, {
      settings,
      seed: 0,
      statistics: { mean: new Float32Array(width), scale: new Float32Array(width).fill(1) },
      tokenScale: await tokenScaleOf(model),
      directions: null,
    });
    const reader = await openStateReader(model, settings);
    const noise = { kind: 'residual', deviation: 2, clip: 6, unit: 6 } as const;
    const steering = steerBy(model, planner, reader, exploring(planner, noise));
    const seconds = await medianSeconds(() => collect(model, steering, options), options.repeat);
    await reader.close();
    const { dialogues, exchanges, newTokens } = options;
    return {
      figures: { dialogues: dialogues / seconds },
      work: { dialogues, 'drawn tokens': dialogues * exchanges * 2 * newTokens },
    };
  } finally {
    await device.close();
  }
}

async function collect(
  model: LanguageModel,
  steering: PlannerSteering,
  { dialogues, batch, exchanges, contextTokens, separatorTokens, newTokens }: CollectionBenchOptions,
): Promise<void> {
  const sampling = {
    ...plainSampling,
    minNewTokens: newTokens,
    maxNewTokens: newTokens,
    stopIds: model.tokenizer.endIds,
  };
  const random = openStream(streamKey(0, 'bench contexts'));
  const tokens = (count: number): number[] => Array.from({ length: count }, () => random.integer(model.vocabularySize));
  for (let first = 0; first < dialogues; first += batch) {
    const contexts = Array.from({ length: Math.min(batch, dialogues - first) }, () => tokens(contextTokens));
    const extend = (said: readonly { readonly ids: readonly number[] }[]): void => {
      for (const [i, ids] of contexts.entries())
        ids.push(...present(said[i], 'a text per context').ids, ...tokens(separatorTokens));
    };
    for (let exchange = 0; exchange < exchanges; exchange++) {
      const requests = contexts.map((_, i) => ({
        dialogue: { turns: new Array<null>(2 * exchange).fill(null) },
        stream: childKey(streamKey(0, 'bench', first + i), exchange),
      }));
      const asked = contexts.map((ids) => ({ ids, lastUtterance: null }));
      const { ids, soft } = await steering.steer(asked, requests);
      const row = (which: readonly (readonly number[])[], side: number): Parameters<typeof generate>[1] =>
        which.map((each, i) => ({
          ids: each,
          stream: childKey(present(requests[i], 'a request per context').stream, side),
        }));
      extend(await generate(model, row(ids, 1), { ...sampling, soft }));
      extend(await generate(model, row(contexts, 2), sampling));
    }
  }
}
