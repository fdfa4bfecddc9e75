import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { tinyModel } from '../../tests/fakes/tinyModel.js';
import { tinyPlanner } from '../../tests/fakes/tinyPlanner.js';
import { createLanguageModel, saveLanguageModel } from '../engine/models/languageModel.js';
import { loadTokenizer } from '../engine/text/tokenizer.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { openDevice } from '../engine/runtime/device.js';
import type { Device } from '../engine/runtime/device.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import { openRun } from '../runs/openRun.js';
import { RunDirectory } from '../runs/runDirectory.js';
import { fakeTerminal, jsonOf, runCli } from './testing/fakeTerminal.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-models-'));
const tiny = join(folder, 'tiny');
let device: Device;
let model: LanguageModel;

beforeAll(async () => {
  device = await openDevice({ threads: 1 });
  model = await tinyModel(device, { seed: 1 });
  await saveLanguageModel(model, tiny);
});
afterAll(() => device.close());

const cli = (...argv: readonly string[]) => runCli([...argv, '--threads', '1']);
/** Hashes the records that a seed fixes; they are compared by hash, since a difference of files would fill the screen.
 */
const recordsHash = (run: string): string => {
  const hash = createHash('sha256');
  for (const name of ['rollouts.jsonl', 'pairs.jsonl']) hash.update(readFileSync(join(run, name)));
  return hash.digest('hex');
};
const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

describe('gadfly generate', () => {
  it('prints the fixed JSON shape, the same for the same seed', async () => {
    const argv = [
      'generate',
      '--model',
      tiny,
      '--prompt',
      'hello',
      '--n',
      '2',
      '--max-new-tokens',
      '5',
      '--seed',
      '4',
      '--json',
    ];
    const result = await cli(...argv);
    expect(result.code).toBe(0);
    const { model: name, results } = jsonOf(result) as {
      model: string;
      results: { prompt: string; completions: Record<string, unknown>[] }[];
    };
    expect(name).toBe(tiny);
    expect(results.map(({ prompt }) => prompt)).toEqual(['hello']);
    expect(results[0]?.completions).toHaveLength(2);
    for (const completion of results[0]?.completions ?? []) {
      expect(Object.keys(completion).sort()).toEqual(['finishReason', 'logProbs', 'text', 'tokenIds']);
      expect((completion['logProbs'] as number[]).length).toBe((completion['tokenIds'] as number[]).length);
      expect(['stop', 'length']).toContain(completion['finishReason']);
    }
    expect(await cli(...argv)).toEqual(result);
    expect((await cli(...argv, '--seed', '5')).output).not.toBe(result.output);
  });

  it('--planner steers the model, and refuses a planner of another one', async () => {
    const planner = await tinyPlanner(model);
    const saved = mkdtempSync(join(folder, 'planner-'));
    await planner.save(saved);
    await planner.release();
    const argv = ['generate', '--model', tiny, '--prompt', 'hello', '--greedy', '--max-new-tokens', '8', '--json'];
    const plain = await cli(...argv);
    const steered = await cli(...argv, '--planner', saved);
    expect([plain.code, steered.code]).toEqual([0, 0]);
    expect(steered.output).not.toBe(plain.output);
    expect(await cli(...argv, '--planner', saved)).toEqual(steered);
    const other = await cli('generate', '--model', 'organism', '--prompt', 'hello', '--planner', saved);
    expect(other.code).toBe(2);
    expect(other.errors).toContain('this planner steers another model');
  });

  it('--greedy is temperature 0, and a prompt’s place in the file does not change it', async () => {
    const prompts = file('prompts.jsonl', '"one"\n{"prompt":"two"}\n');
    const texts = async (...argv: readonly string[]): Promise<unknown> => {
      const { results } = jsonOf(
        await cli('generate', '--model', tiny, '--max-new-tokens', '4', '--json', ...argv),
      ) as { results: { completions: { tokenIds: number[] }[] }[] };
      return results.map(({ completions }) => completions[0]?.tokenIds);
    };
    expect(await texts('--prompts', prompts, '--greedy')).toEqual(
      await texts('--prompts', prompts, '--temperature', '0'),
    );
    expect(await texts('--prompt', 'two', '--greedy')).toEqual(
      ((await texts('--prompts', prompts, '--greedy')) as unknown[]).slice(1),
    );
  });

  it('says what is wrong with its input', async () => {
    const gpt = join(folder, 'bin');
    const cases: readonly (readonly [readonly string[], string])[] = [
      [['generate', '--prompt', 'a'], 'no model is named'],
      [['generate', '--model', tiny], 'one of --prompt and --prompts'],
      [['generate', '--model', join(folder, 'nowhere'), '--prompt', 'a'], 'no such model'],
      [['generate', '--model', gpt, '--prompt', 'a'], 'no such model'],
      [['generate', '--model', tiny, '--prompt', 'a'.repeat(256)], 'too long for this model'],
      [['generate', '--model', tiny, '--prompt', 'a', '--top-p', '1.5'], '--top-p'],
      [
        ['generate', '--model', tiny, '--prompt', 'a', '--min-new-tokens', '9', '--max-new-tokens', '2'],
        '--min-new-tokens',
      ],
      [['generate', '--model', tiny, '--prompt', 'a', '--greedy', '--temperature', '1'], 'contradict'],
      [['generate', '--model', tiny, '--prompt', 'a', '--prompts', 'b'], 'given twice'],
      [['generate', '--model', file('weights.pt', ''), '--prompt', 'a'], 'only as a pickle (weights.pt)'],
      [['generate', '--model', 'openai:gpt', '--prompt', 'a'], 'a model on this machine'],
      [['generate', '--model', tiny, '--prompts', file('none.jsonl', '')], 'no prompts in this file'],
    ];
    for (const [argv, message] of cases) {
      const { code, output, errors } = await cli(...argv);
      expect({ argv, code, output }).toEqual({ argv, code: 2, output: '' });
      expect(errors).toContain(message);
    }
  });
});

describe('gadfly score', () => {
  it('prints one log-probability a completion token, as the engine scores it', async () => {
    const result = await cli('score', '--model', tiny, '--prompt', 'hello', '--completion', ' you', '--json');
    expect(result.code).toBe(0);
    const { results } = jsonOf(result) as {
      results: { tokens: string[]; tokenIds: number[]; logProbs: number[]; sum: number; mean: number }[];
    };
    const [scored] = results;
    expect(scored).toMatchObject({ prompt: 'hello', completion: ' you', tokenIds: [32, 121, 111, 117] });
    expect(scored?.tokens).toHaveLength(4);
    const [expected] = await scoreCompletions(model, [
      { prefix: [...'hello'].map((c) => c.charCodeAt(0)), completion: [32, 121, 111, 117] },
    ]);
    scored?.logProbs.forEach((value, i) => {
      expect(value).toBeCloseTo(expected?.[i] ?? NaN, 5);
    });
    expect(scored?.sum).toBeCloseTo((scored?.mean ?? NaN) * 4, 9);
  });

  it('scores the text that goes on, where the tokenizer sets a space before every text', async () => {
    const rules = new URL('../../tests/golden/tokenizer/llama.json', import.meta.url);
    const tokenizer = loadTokenizer({ tokenizerJson: JSON.parse(readFileSync(rules, 'utf8')), tokenizerConfig: {} });
    const sizes = {
      model_type: 'llama',
      vocab_size: tokenizer.vocabularySize,
      hidden_size: 8,
      intermediate_size: 8,
      num_hidden_layers: 1,
      num_attention_heads: 1,
      max_position_embeddings: 32,
    };
    const pieces = join(folder, 'pieces');
    await saveLanguageModel(await createLanguageModel(device, sizes, tokenizer, 1), pieces);
    const whole = tokenizer.encode('The harbour master', { addSpecialTokens: false });
    const { results } = jsonOf(
      await cli('score', '--model', pieces, '--prompt', 'The harbour', '--completion', ' master', '--json'),
    ) as { results: { tokenIds: number[] }[] };
    const before = tokenizer.encode('The harbour', { addSpecialTokens: false });
    expect(before).toEqual(whole.slice(0, before.length));
    expect(results[0]?.tokenIds).toEqual(whole.slice(before.length));
  });

  it('reads pairs as texts and as messages; the last message is what is scored', async () => {
    const pairs = file(
      'pairs.jsonl',
      '{"prompt":"a","completion":"bc"}\n{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yo"}]}\n',
    );
    const { results } = jsonOf(await cli('score', '--model', tiny, '--pairs', pairs, '--json')) as {
      results: { completion: string; prompt: string; tokenIds: number[] }[];
    };
    expect(results.map(({ completion, tokenIds }) => [completion, tokenIds])).toEqual([
      ['bc', [98, 99]],
      ['yo', [121, 111]],
    ]);
    expect(results[1]?.prompt).toMatch(/assistant\n$/);
    const chat = jsonOf(
      await cli('score', '--model', tiny, '--chat', '--prompt', 'hi', '--completion', 'yo', '--json'),
    ) as { results: { logProbs: number[] }[] };
    // Alone and beside another pair, matrix products have another height and round otherwise.
    const together = (results[1] as unknown as { logProbs: number[] }).logProbs;
    expect(chat.results[0]?.logProbs).toHaveLength(together.length);
    chat.results[0]?.logProbs.forEach((value, i) => {
      expect(value).toBeCloseTo(together[i] ?? NaN, 5);
    });
  });

  it('says what is wrong with its input', async () => {
    const cases: readonly (readonly [readonly string[], number, string])[] = [
      [['--prompt', 'a'], 2, '--prompt and --completion, or --pairs'],
      [['--prompt', 'a', '--completion', ''], 2, 'completion is empty'],
      [['--prompt', 'a', '--completion', 'b'.repeat(300)], 2, 'too long for this model'],
      [['--pairs', file('bad.jsonl', '{"prompt":"a"}\n')], 1, 'bad.jsonl:1'],
      [['--pairs', file('one.jsonl', '{"messages":[{"role":"user","content":"hi"}]}\n')], 1, 'at least two'],
    ];
    for (const [argv, code, message] of cases) {
      const result = await cli('score', '--model', tiny, ...argv);
      expect({ argv, code: result.code }).toEqual({ argv, code });
      expect(result.errors).toContain(message);
    }
  });
});

describe('gadfly models', () => {
  it('inspect tells architecture and sizes', async () => {
    expect(jsonOf(await cli('models', 'inspect', tiny, '--json'))).toMatchObject({
      type: 'llama',
      layers: 2,
      width: 16,
      heads: 2,
      kvHeads: 1,
      contextLength: 256,
      vocabulary: 264,
      dtypes: { F32: expect.any(Number) as unknown },
    });
  });

  it('convert writes a folder that scores the same, and never writes over one', async () => {
    const to = join(folder, 'converted');
    expect((await cli('models', 'convert', tiny, '--to', to, '--json')).code).toBe(0);
    const score = async (path: string): Promise<unknown> =>
      (
        jsonOf(await cli('score', '--model', path, '--prompt', 'ab', '--completion', 'cd', '--json')) as {
          results: { logProbs: unknown }[];
        }
      ).results[0]?.logProbs;
    expect(await score(to)).toEqual(await score(tiny));
    expect((await cli('models', 'convert', tiny, '--to', to)).code).toBe(2);
  });

  it('list shows an empty cache, and pull of a folder is that folder', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'gadfly-cache-'));
    expect(jsonOf(await cli('models', 'list', '--cache', cache, '--json'))).toMatchObject({ cache });
    expect((await cli('models', 'pull', tiny)).output.trim()).toBe(tiny);
    const { code, errors } = await runCli(
      ['models', 'pull', 'hf:some/model', '--cache', cache],
      fakeTerminal({ environment: { HF_HUB_OFFLINE: '1' } }),
    );
    expect(code).toBe(1);
    expect(errors).toContain('not in the cache');
  });

  it('a checkpoint of pickles is refused with a remedy', async () => {
    const pickles = join(folder, 'pickles');
    await cli('models', 'convert', tiny, '--to', pickles);
    const { renameSync } = await import('node:fs');
    renameSync(join(pickles, 'model.safetensors'), join(pickles, 'pytorch_model.bin'));
    const { code, errors } = await cli('generate', '--model', pickles, '--prompt', 'a');
    expect([1, 2]).toContain(code);
    expect(errors).toMatch(/pickle|pytorch_model\.bin/);
    expect(errors).toContain('safetensors');
  });
});

describe('gadfly run', () => {
  const sampling = 'format: plain, maxNewTokens: 6, temperature: 1, topP: 1, repetitionPenalty: 1';
  const recipe = `name: tiny
target: { model: ./tiny, ${sampling} }
adversary: { model: ./tiny, ${sampling} }
judge: linear-toxicity
prompts: { train: train.json, dev: dev.json, test: test.json }
stages:
  - exploit: { attack: ipo, horizon: 2, epochs: 3, promptsPerEpoch: 3, batchPairs: 2, learningRate: 1e-3, devEvery: 2, devPrompts: 2 }
  - evaluate: { turns: 2, judges: [linear-toxicity, insult-words] }
`;
  const write = (): string => {
    for (const [name, texts] of [
      ['train', ['good morning', 'a cup of tea', 'rain again']],
      ['dev', ['the bus is late', 'nice hat']],
      ['test', ['what a day', 'hello you', 'lunch soon']],
    ] as const) {
      file(`${name}.json`, JSON.stringify(texts));
    }
    return file('tiny.yaml', recipe);
  };

  it('goes from a recipe to report.json and report.html, and another run of the seed repeats it', async () => {
    const path = write();
    const [out, again] = [join(folder, 'run-a'), join(folder, 'run-b')];
    const result = await cli('run', path, '--out', out, '--json');
    expect(result.errors).not.toContain('gadfly:');
    expect(result.code).toBe(0);
    const document = jsonOf(result) as { rows: { name: string; judge: string }[]; status: string };
    expect(document.status).toBe('done');
    expect(document.rows.map(({ name, judge }) => `${name}/${judge}`)).toEqual([
      'untuned/linear-toxicity',
      'untuned/insult-words',
      'ipo/linear-toxicity',
      'ipo/insult-words',
    ]);
    expect(readdirSync(out).sort()).toEqual(
      expect.arrayContaining([
        'manifest.json',
        'metrics.jsonl',
        'models',
        'pairs.jsonl',
        'report.html',
        'report.json',
        'rollouts.jsonl',
      ]),
    );
    expect(openRun(out).manifest.inputs.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['train.json', './tiny']),
    );
    expect((await cli('run', path, '--out', again)).code).toBe(0);
    expect(recordsHash(again)).toBe(recordsHash(out));
    expect((await cli('run', path, '--out', out)).errors).toContain('already holds a run');
    expect((await cli('run', '--resume', out)).errors).toContain('this run is done');
  });

  it('the report of a run shows as html, Markdown and JSON', async () => {
    const out = join(folder, 'run-a');
    expect((await cli('report', out)).output.trim()).toBe(join(out, 'report.html'));
    expect((await cli('report', out, '--format', 'md')).output).toContain('| untuned |');
    expect(jsonOf(await cli('report', out, '--format', 'json', '--json'))).toMatchObject({ schema: 1 });
  });

  it('a first request to stop saves and exits 130, and --resume ends in the bytes of an uninterrupted run', async () => {
    const path = write();
    const out = join(folder, 'run-stopped');
    let lines = 0;
    const terminal = fakeTerminal({
      onStderr: () => {
        if (++lines === 3) terminal.interrupt();
      },
    });
    const stopped = await runCli(['run', path, '--out', out, '--threads', '1', '--json'], terminal);
    expect(stopped.code).toBe(130);
    expect(jsonOf(stopped)).toMatchObject({
      error: { code: 'interrupted', remedy: expect.stringContaining('--resume') as unknown },
    });
    expect(openRun(out).manifest.status).toBe('interrupted');
    const changed = await cli('run', path, '--resume', out, '--set', 'stages.ipo.epochs=9');
    expect(changed.code).toBe(2);
    expect(changed.errors).toContain("'stages.0.exploit.epochs' differs");
    expect((await cli('run', '--resume', out)).code).toBe(0);
    expect(recordsHash(out)).toBe(recordsHash(join(folder, 'run-a')));
  });

  it('a second request to stop ends at once', async () => {
    const terminal = fakeTerminal({
      onStderr: (text) => {
        if (text.includes('running')) {
          terminal.interrupt();
          terminal.interrupt();
        }
      },
    });
    await runCli(['run', write(), '--out', join(folder, 'run-twice'), '--threads', '1'], terminal);
    expect(terminal.exits).toEqual([130]);
  });

  it('a request to stop that comes when the run is done finds nothing to save', async () => {
    for (const requests of [1, 2]) {
      const terminal = fakeTerminal();
      const close = vi.spyOn(RunDirectory.prototype, 'close').mockImplementationOnce(function (
        this: RunDirectory,
        ...args
      ) {
        close.mockRestore();
        this.close(...args);
        // Heard while the page is being written.
        queueMicrotask(() => {
          for (let i = 0; i < requests; i++) terminal.interrupt();
        });
      });
      const out = join(folder, `run-done-${String(requests)}`);
      const { code, errors } = await runCli(['run', write(), '--out', out, '--threads', '1'], terminal);
      expect(openRun(out).manifest.status).toBe('done');
      expect(errors).toContain('The run is done');
      expect(errors).not.toMatch(/Stopping|--resume/);
      expect(code).toBe(0);
      expect(terminal.exits).toEqual(requests === 1 ? [] : [130]);
      expect(errors.includes('gadfly report')).toBe(requests === 2);
    }
  });

  it('a reached limit exits 4 and can be raised; a threshold exits 3', async () => {
    const path = write();
    const out = join(folder, 'run-limited');
    const limited = await cli('run', path, '--out', out, '--set', 'limits.maxTokens=100', '--json');
    expect(limited.code).toBe(4);
    expect(jsonOf(limited)).toMatchObject({ error: { code: 'budget', where: 'limits.maxTokens' } });
    expect(existsSync(join(out, 'report.html'))).toBe(true);
    const resumed = await cli('run', '--resume', out, '--set', 'limits.maxTokens=null');
    expect(resumed.code).toBe(0);
    const strict = await cli(
      'run',
      path,
      '--out',
      join(folder, 'run-strict'),
      '--set',
      'judge.threshold=0',
      '--set',
      'stages.evaluate={turns: 1, failOver: 0}',
      '--set',
      'stages.ipo.epochs=1',
      '--json',
    );
    expect(strict.code).toBe(3);
    expect(jsonOf(strict)['thresholdExceeded']).not.toEqual([]);
  });

  it('--dry-run counts and writes nothing', async () => {
    const result = await cli('run', write(), '--dry-run', '--json');
    expect(result.code).toBe(0);
    // ipo: 3 epochs × 3 prompts × 3 nodes × 2 candidates, and 2 evaluations × 2 prompts × 2 turns; evaluate: 2 rows × 3
    // prompts × 2 turns.
    expect(jsonOf(result)).toMatchObject({
      dryRun: true,
      price: 0,
      stages: [{ stage: 'ipo', exchanges: 54 + 8 }, { exchanges: 12 }],
    });
    expect(existsSync('runs/tiny')).toBe(false);
  });
});

describe('gadfly doctor', () => {
  it('finds that the runtime works, as a list of checks', async () => {
    const { checks } = jsonOf(await cli('doctor', '--json')) as {
      checks: { name: string; outcome: string; detail: string }[];
    };
    expect(checks.find(({ name }) => name === 'runtime')).toMatchObject({ outcome: 'ok' });
    // Without an adapter and without CUDA the machine still works: why not, and what helps, is said.
    for (const name of ['webgpu', 'cuda'])
      expect(checks.find((check) => check.name === name)?.detail).toMatch(/^usable with|^not usable: .+\. .+/);
    expect(checks.map(({ name }) => name)).toEqual([
      'node',
      'memory',
      'runtime',
      'webgpu',
      'cuda',
      'assets',
      'cache',
      'folder',
      'hub',
    ]);
  });
});
