/** How the cost of our own epoch grows: with the horizon and with the length of the prompts, for SmolLM2 and for GPT-2
 *  small's shape. One variable at a time around horizon 3 and prompts of 64 tokens, 4 trees; every turn has exactly 24
 *  tokens. There is no peer: it is measured only when named. Growth with the number of prompts is what `--trees` of the
 *  epoch shows. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { present } from '../src/base/invariant.js';
import type { Tokenizer } from '../src/engine/text/tokenizer.js';
import { tokenizerOf, withCheckpoint } from '../src/engine/models/storedModel.js';
import { memoryFigure } from './comparison.js';
import { readPrompts } from './epochComparisons.js';
import { epochShape } from './ipoEpoch.js';
import { ownSide } from './ownSide.js';
import type { Bench, BenchSetup, Comparison, BenchMetric } from './types.js';

interface Shape {
  readonly horizon: number;
  readonly promptTokens: number;
  readonly trees: number;
}

const middle: Shape = { horizon: epochShape.horizon, promptTokens: 64, trees: 4 };

/** In the order of the tables: what is varied, and its values. */
const axes = {
  horizon: [1, 2, 3, 4],
  promptTokens: [128, 256, 512],
} as const;

type Axis = keyof typeof axes;

const titles: Readonly<Record<Axis, string>> = { horizon: 'horizon', promptTokens: 'tokens per prompt' };

const figures: readonly BenchMetric[] = [
  { key: 'rolloutPerTree', title: 'rollout of a tree', unit: 's', better: 'lower' },
  { key: 'updatePerTree', title: 'update of a tree', unit: 's', better: 'lower' },
  { key: 'secondsPerTree', title: 'a tree', unit: 's', better: 'lower' },
  memoryFigure,
];

export const growth: Bench = async (setup) => {
  const models = [
    { name: 'smollm2', path: setup.model },
    { name: 'gpt2-small', path: await setup.gpt2Small() },
  ];
  const out: Comparison[] = [];
  for (const model of models) {
    const tokenizer = await withCheckpoint(model.path, async (checkpoint) => tokenizerOf(checkpoint));
    for (const axis of Object.keys(axes) as Axis[]) {
      const values = setup.quick ? axes[axis].slice(0, 1) : axes[axis];
      out.push(
        ...values.map((value) =>
          comparisonOf(setup, model, tokenizer, axis, {
            ...(setup.quick ? { ...middle, trees: 1 } : middle),
            [axis]: value,
          }),
        ),
      );
    }
  }
  return out;
};

interface Measuree {
  readonly name: string;
  readonly path: string;
}

function comparisonOf(setup: BenchSetup, model: Measuree, tokenizer: Tokenizer, axis: Axis, shape: Shape): Comparison {
  const value = String(shape[axis]);
  const { horizon, trees } = shape;
  const options = {
    model: model.path,
    threads: setup.threads,
    peer: 'batched',
    precision: 'f32',
    prompts: writePrompts(setup, tokenizer, shape),
    trees,
    horizon,
  };
  return {
    name: `growth/${model.name}-${axis}-${value}`,
    title: `epoch of ${model.name}, ${titles[axis]} ${value}`,
    figures,
    sides: [ownSide('Gadfly', 'ipoEpoch', options)],
    targets: [],
    notes: [],
  };
}

/** Writes texts of exactly `promptTokens` tokens: those of the prompts file end to end, each from another text on. */
function writePrompts({ prompts, scratch }: BenchSetup, tokenizer: Tokenizer, { promptTokens, trees }: Shape): string {
  const texts = readPrompts(prompts);
  const cut = Array.from({ length: trees }, (_, i) =>
    textOf(tokenizer, [...texts.slice(i), ...texts.slice(0, i)], promptTokens),
  );
  const file = join(scratch, `growth-${String(promptTokens)}-${String(trees)}-${tokenizer.id}.json`);
  writeFileSync(file, JSON.stringify(cut));
  return file;
}

/** Cutting ids and reading their text again may merge the last tokens: a few lengths are tried, and the next best is
 *  taken. */
function textOf(tokenizer: Tokenizer, texts: readonly string[], tokens: number): string {
  let joined = texts.join(' ');
  while (tokenizer.encode(joined).length < tokens + 8) joined = `${joined} ${joined}`;
  const ids = tokenizer.encode(joined);
  const candidates = Array.from({ length: 8 }, (_, more) => tokenizer.decode(ids.slice(0, tokens + more)));
  return present(
    candidates.find((text) => tokenizer.encode(text).length === tokens) ?? candidates[0],
    'eight candidates',
  );
}
