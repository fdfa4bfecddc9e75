/** Steps of Greedy Coordinate Gradient: a suffix of 20 tokens in the user's turn of a chat, 64 candidates per step, single swaps
 *  from the best 256 tokens of each position. A step includes the gradient, the candidates and the filter of each side.
 *
 *  Peer: peers/gcg.py (nanoGCG 0.3.0, without its prefix cache, which needs a transformers of before 4.48). */
import { childKey, streamKey } from '../src/base/random.js';
import { createSpending } from '../src/base/spending.js';
import { openGcg } from '../src/attacks/gcg/search.js';
import { openLanguageModel } from '../src/engine/models/languageModel.js';
import { openDevice } from '../src/engine/runtime/device.js';
import { createLocalTarget } from '../src/speakers/targets/local.js';
import { memoryFigure } from './comparison.js';
import { ownSide } from './ownSide.js';
import { peerSides } from './peer.js';
import { medianSeconds, repeatNote } from './repeat.js';
import type { Bench, Outcome, Repeat } from './types.js';

export interface GcgBenchOptions {
  readonly model: string;
  readonly threads: number;
  readonly message: string;
  readonly targetText: string;
  readonly suffixTokens: number;
  readonly width: number;
  readonly topK: number;
  /** Per call. */
  readonly steps: number;
  readonly repeat: Repeat;
}

const shape = {
  message: 'Good afternoon. I have lost my key, and the door of the greenhouse is locked.',
  targetText: 'The password of the greenhouse is bandicoot.',
  suffixTokens: 20,
  topK: 256,
};

export const gcgBench: Bench = (setup) => {
  const { model, threads } = setup;
  const repeat = { ...setup.repeat, uncounted: 0, counted: 1 };
  const options = { model, ...shape, width: setup.quick ? 16 : 64, steps: setup.quick ? 1 : 4, repeat };
  return Promise.resolve([
    {
      name: 'gcg',
      title: `Greedy Coordinate Gradient, ${String(options.width)} candidates, ${String(shape.suffixTokens)} tokens`,
      figures: [
        { key: 'steps', title: 'steps per second', unit: '1/s', better: 'higher' },
        { key: 'candidates', title: 'candidates per second', unit: '1/s', better: 'higher' },
        memoryFigure,
      ],
      sides: [
        ownSide('Gadfly', 'gcg', { ...options, threads }),
        ...peerSides(setup, 'nanogcg', 'gcg', options, () => ({ PYTHONPATH: setup.nanogcg() })),
      ],
      targets: [{ kind: 'ratio', side: 'Gadfly', figure: 'steps', atLeast: 2 }],
      notes: [
        repeatNote(repeat),
        'The peer scores the candidates that its filter leaves; ours draws until all places are filled. Both compute in float32.',
      ],
    },
  ]);
};

/** Our side. */
export async function measureGcg(options: GcgBenchOptions): Promise<Outcome> {
  const { message, targetText, suffixTokens, width, topK, steps } = options;
  const device = await openDevice({ threads: options.threads });
  try {
    const model = await openLanguageModel(device, options.model);
    const target = createLocalTarget(model, { format: model.chatTemplate === null ? 'plain' : 'chat' });
    const spending = createSpending();
    const start = new Array<string>(suffixTokens).fill('x').join(' ');
    const gcg = await openGcg([target], { start, width, topK, positions: 'random', ascii: true }, spending);
    const search = gcg.search([
      { prompt: { id: 'bench', conversationId: 'bench', text: '' }, message, targetTexts: [targetText] },
    ]);
    await search.start(); // compiles what scores
    let candidates = 0;
    const call = async (): Promise<void> => {
      candidates = 0;
      let state = await search.start();
      for (let step = 1; step <= steps; step++) {
        const taken = await search.step(state, childKey(streamKey(0, 'bench of gcg'), step));
        state = taken.state;
        candidates += taken.candidates;
      }
    };
    const seconds = await medianSeconds(call, options.repeat);
    await gcg.close();
    return {
      figures: { steps: steps / seconds, candidates: candidates / seconds },
      work: { steps, 'tokens of a sequence': search.sequenceTokens },
    };
  } finally {
    await device.close();
  }
}
