/** The command line of `npm run bench`. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError } from '../src/base/errors.js';
import { assetPath } from '../src/base/packageRoot.js';
import type { BenchSetup } from './comparison.js';

export const benchNames = ['train-step', 'generation', 'ipo-epoch'] as const;
export type BenchName = (typeof benchNames)[number];

export const usage = `npm run bench -- [NAME…] [options]

NAME            ${benchNames.join(', ')}, or ipo-epoch/astra and its like; default all
--model M       a model as recipes name it; default smollm2
--threads N     on both sides; default all cores (${String(availableParallelism())})
--runs N        processes a side; default 3
--epoch-runs N  the same for ipo-epoch; default 1
--trees N       prompts of ipo-epoch; default 2
--prompts FILE  a JSON array of texts; default the everyday openers of the package
--peers DIR     the folder of the peers' scripts; without it only our side is measured
--python PATH   the interpreter that has what the peers import; default python3
--astra DIR, --astprompter DIR
                checkouts of the reference implementations, for ipo-epoch
--json          every sample as JSON on stdout, the tables on stderr`;

export interface Arguments {
  readonly names: readonly string[];
  readonly setup: Omit<BenchSetup, 'model' | 'scratch'>;
  readonly model: string;
  readonly json: boolean;
}

/** @throws ConfigError */
export function readArguments(args: readonly string[]): Arguments | 'help' {
  const { values, positionals } = parsed(args);
  if (values.help) return 'help';
  const unknown = positionals.find((name) => !benchNames.some((known) => known === name.split('/')[0]));
  if (unknown !== undefined) throw new ConfigError('no such bench', { got: unknown, expected: benchNames.join(', ') });
  const count = (name: 'threads' | 'runs' | 'epoch-runs' | 'trees', fallback: number): number => {
    const given = values[name] === undefined ? fallback : Number(values[name]);
    if (!Number.isInteger(given) || given < 1) throw new ConfigError('not a count', { where: `--${name}`, got: values[name] ?? '' });
    return given;
  };
  const folder = (path: string | undefined): string | null => (path === undefined ? null : resolve(path));
  const peers = folder(values.peers);
  const python = values.python ?? 'python3';
  return {
    names: positionals,
    model: values.model ?? 'smollm2',
    json: values.json,
    setup: {
      threads: count('threads', availableParallelism()),
      runs: count('runs', 3),
      epochRuns: count('epoch-runs', 1),
      trees: count('trees', 2),
      prompts: folder(values.prompts) ?? assetPath('prompts', 'everyday-openers.json'),
      // A bare name is looked up in PATH.
      peers: peers === null ? null : { folder: peers, python: python.includes('/') ? resolve(python) : python },
      sources: { astra: folder(values.astra), astprompter: folder(values.astprompter) },
    },
  };
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = {
    model: text, threads: text, runs: text, 'epoch-runs': text, trees: text, prompts: text, peers: text, python: text, astra: text, astprompter: text,
    json: flag, help: flag,
  };
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new ConfigError('this call cannot be read', { got: error instanceof Error ? error.message : String(error), remedy: 'See --help.', cause: error });
  }
}
