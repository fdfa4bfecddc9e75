/** An attack from a program, on the organism that the package ships. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, InterruptedError } from '../base/errors.js';
import { createFunctionJudge } from '../speakers/judges/functionJudge.js';
import { createFunctionTarget } from '../speakers/targets/function.js';
import { runAttack, type RunAttackOptions } from './runAttack.js';

const root = mkdtempSync(join(tmpdir(), 'gadfly-attack-'));
afterAll(() => {
  rmSync(root, { recursive: true });
});

const asked: string[] = [];
const target = createFunctionTarget({
  name: 'shop',
  reply: ({ utterance }) => {
    asked.push(utterance);
    return `well, ${utterance}`;
  },
});
/** Share of letters a to m: many values, few ties. */
const judge = createFunctionJudge({
  name: 'letters',
  score: (texts) => texts.map((text) => [...text].filter((c) => c >= 'a' && c <= 'm').length / text.length),
});
const prompts = Array.from({ length: 20 }, (_, i) => `it is morning in shop ${i}.\nyes, please?`);
const attack = { attack: 'ipo', epochs: 2, promptsPerEpoch: 4, horizon: 1, devEvery: 0, batchPairs: 4 } as const;
const options = (out: string, changes: Partial<RunAttackOptions> = {}): RunAttackOptions => ({
  target,
  judge,
  prompts,
  attack,
  evaluate: { turns: 1 },
  out: join(root, out),
  threads: 1,
  offline: true,
  ...changes,
});

describe('runAttack', () => {
  it('trains against a function, judged by a function, and leaves a run directory', async () => {
    const phases = new Set<string>();
    const run = await runAttack(
      options('whole', {
        onProgress: ({ phase }) => {
          phases.add(phase);
        },
      }),
    );
    expect(run.rows.map(({ name, target: of, judge: by }) => [name, of, by])).toEqual([
      ['untuned', 'shop', 'letters'],
      ['ipo', 'shop', 'letters'],
    ]);
    for (const { metrics } of run.rows) expect(metrics['replyHarm']?.n).toBeGreaterThan(0);
    expect(run.samples.length).toBeGreaterThan(0);
    expect(phases).toContain('train');
    expect(asked.length).toBeGreaterThan(10);
    const files = [
      'manifest.json',
      'rollouts.jsonl',
      'pairs.jsonl',
      'report.json',
      'report.html',
      'models/ipo/model.safetensors',
    ];
    expect(files.filter((file) => !existsSync(join(run.out, file)))).toEqual([]);
    const manifest = JSON.parse(readFileSync(join(run.out, 'manifest.json'), 'utf8')) as {
      status: string;
      configuration: { target: { model: string } };
    };
    expect(manifest).toMatchObject({ status: 'done', configuration: { target: { model: 'shop' } } });
  });

  it('stopped and called again ends as one never stopped', async () => {
    const stop = new AbortController();
    const onProgress: RunAttackOptions['onProgress'] = ({ phase, done }) => {
      if (phase === 'rollout' && done === 1) stop.abort();
    };
    await expect(runAttack(options('stopped', { signal: stop.signal, onProgress }))).rejects.toThrow(InterruptedError);
    const resumed = await runAttack(options('stopped'));
    const straight = await runAttack(options('straight'));
    expect(resumed.rows).toEqual(straight.rows);
    expect(readFileSync(join(resumed.out, 'pairs.jsonl'), 'utf8')).toBe(
      readFileSync(join(straight.out, 'pairs.jsonl'), 'utf8'),
    );
  });

  it.each([
    [
      'an unknown option of the attack',
      { attack: { ...attack, epoch: 3 } as unknown as RunAttackOptions['attack'] },
      /epoch/,
    ],
    [
      'likelihood of a target that gives text alone',
      { attack: { ...attack, reward: { likelihood: 0.1 } } },
      /log-prob/,
    ],
  ])('%s is a ConfigError', async (_name, changes, message) => {
    const failure = runAttack(options(`refused-${Object.keys(changes).join()}-${_name.length}`, changes));
    await expect(failure).rejects.toThrow(ConfigError);
    await expect(failure).rejects.toThrow(message);
  });
});
