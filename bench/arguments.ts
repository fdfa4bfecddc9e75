/** The command line of `npm run bench`. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError } from '../src/base/errors.js';
import { assetPath } from '../src/base/packageRoot.js';
import type { BenchSetup, PeerCheckout } from './types.js';

export const benchNames = [
  'epoch',
  'batched',
  'update',
  'train-step',
  'sampling',
  'startup',
  'ppo',
  'explore',
  'k-means',
  'td3bc',
  'collection',
  'gcg',
  'roofline',
  'growth',
] as const;
export type BenchName = (typeof benchNames)[number];

export const usage = `npm run bench -- [NAME…] [options]

NAME               ${benchNames.join(', ')}, or one comparison such as batched/f32;
                   default all but growth, ppo, explore, k-means, td3bc, collection and gcg
--reference DIR    a checkout of astra-rl or ASTPrompter to measure against; may be repeated.
                   Without one the epoch stands against a recorded figure
--python PATH      an interpreter that has what the peers import; default: one is set up in the cache, once
--no-peers         measure our side only
--model M          a model as recipes name it; default smollm2
--prompts FILE     a JSON array of texts; default the everyday openers of the package
--threads N        on all sides; default all cores (${String(availableParallelism())})
--runs N           processes a side; default 1
--trees N          prompts of the epoch against a reference implementation; default 2
--batched-trees N  the same against the batched loop; default 3
--utterances N     of a PPO round; default 32
--samples N        that are explored; default 2000
--points N         of k-means; default 80000
--quick            smaller shapes and fewer repetitions: whether it runs, not how fast
--record           append the run to bench/history.jsonl
--json             one JSON document on stdout, all else on stderr`;

export interface Arguments {
  readonly names: readonly string[];
  readonly setup: Omit<
    BenchSetup,
    'model' | 'gpt2Small' | 'gguf' | 'python' | 'trl' | 'nanogcg' | 'scratch' | 'bfloat16'
  >;
  readonly model: string;
  /** How to come by the peers. */
  readonly peers: { readonly wanted: boolean; readonly python: string | null };
  readonly record: boolean;
  readonly json: boolean;
}

/** @throws ConfigError */
export function readArguments(args: readonly string[]): Arguments | 'help' {
  const { values, positionals } = parsed(args);
  if (values.help) return 'help';
  const unknown = positionals.find((name) => !benchNames.some((known) => known === name.split('/')[0]));
  if (unknown !== undefined) throw new ConfigError('no such bench', { got: unknown, expected: benchNames.join(', ') });
  const { quick, python } = values;
  const count = (
    name: 'threads' | 'runs' | 'trees' | 'batched-trees' | 'utterances' | 'samples' | 'points',
    fallback: number,
  ): number => {
    const given = values[name] === undefined ? fallback : Number(values[name]);
    if (!Number.isInteger(given) || given < 1)
      throw new ConfigError('not a count', { where: `--${name}`, got: values[name] ?? '' });
    return given;
  };
  return {
    names: positionals,
    model: values.model ?? 'smollm2',
    peers: {
      wanted: !values['no-peers'],
      python: python === undefined ? null : python.includes('/') ? resolve(python) : python,
    }, // a bare name is looked up in PATH
    record: values.record,
    json: values.json,
    setup: {
      threads: count('threads', availableParallelism()),
      runs: count('runs', 1),
      trees: count('trees', quick ? 1 : 2),
      batchedTrees: count('batched-trees', quick ? 2 : 3),
      utterances: count('utterances', quick ? 4 : 32),
      samples: count('samples', quick ? 100 : 2000),
      points: count('points', quick ? 2000 : 80_000),
      prompts: values.prompts === undefined ? assetPath('prompts', 'everyday-openers.json') : resolve(values.prompts),
      references: (values.reference ?? []).map(referenceAt),
      repeat: quick ? { uncounted: 1, counted: 1, seconds: 1 } : { uncounted: 1, counted: 3, seconds: 6 },
      quick,
    },
  };
}

/** Which reference implementation a checkout is of, by its files. @throws ConfigError */
export function referenceAt(path: string): PeerCheckout {
  const folder = resolve(path);
  if (existsSync(join(folder, 'src', 'astra_rl', '__init__.py'))) return { name: 'astra-rl', folder };
  if (existsSync(join(folder, 'trainer.py')) && existsSync(join(folder, 'environment.py')))
    return { name: 'ASTPrompter', folder };
  throw new ConfigError('no checkout of a reference implementation', {
    where: `--reference ${path}`,
    expected: 'src/astra_rl (astra-rl), or trainer.py and environment.py (ASTPrompter)',
  });
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = {
    model: text,
    prompts: text,
    threads: text,
    runs: text,
    trees: text,
    'batched-trees': text,
    utterances: text,
    samples: text,
    points: text,
    python: text,
    reference: { type: 'string', multiple: true },
    'no-peers': flag,
    quick: flag,
    record: flag,
    json: flag,
    help: flag,
  } as const;
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new ConfigError('this call cannot be read', {
      got: error instanceof Error ? error.message : String(error),
      remedy: 'See --help.',
      cause: error,
    });
  }
}
