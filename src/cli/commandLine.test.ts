import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  BudgetError,
  ConfigError,
  EnvironmentError,
  FormatError,
  InterruptedError,
  ShapeError,
  TargetError,
} from '../base/errors.js';
import { packageRoot } from '../base/packageRoot.js';
import { commands } from './commands/all.js';
import type { CommandDefinition } from './command.js';
import { exitCodeOf } from './exitCodes.js';
import { fakeTerminal, jsonOf, runCli } from './testing/fakeTerminal.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-cli-'));
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

describe.each(Object.values<CommandDefinition>(commands).map((definition) => [definition.name, definition] as const))(
  'gadfly %s',
  (name, definition) => {
    it('shows help with every flag and an example, and exits 0', async () => {
      const { code, output, errors } = await runCli([...name.split(' '), '--help']);
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
      expect(output).toContain(`Usage: gadfly ${name}`);
      for (const { flags } of definition.flags) expect(output).toContain(flags);
      for (const example of definition.examples) expect(output).toContain(example);
    });

    it('refuses an unknown flag with exit code 2, as one document with --json', async () => {
      expect(await runCli([...name.split(' '), '--no-such-flag'])).toMatchObject({ code: 2, output: '' });
      const result = await runCli([...name.split(' '), '--no-such-flag', '--json']);
      expect(result.code).toBe(2);
      expect(jsonOf(result)).toMatchObject({ error: { code: 'usage', message: "unknown option '--no-such-flag'" } });
    });

    it('is named in the table as it is called', () => {
      expect(Object.entries(commands).find(([, value]) => value === definition)?.[0]).toBe(name);
    });
  },
);

describe('the command line', () => {
  it('errors become exit codes in one place', () => {
    const codes = [
      new ConfigError(''),
      new BudgetError(''),
      new InterruptedError(''),
      new FormatError(''),
      new TargetError(''),
      new EnvironmentError(''),
      new ShapeError(''),
      new Error(''),
    ];
    expect(codes.map(exitCodeOf)).toEqual([2, 4, 130, 1, 1, 1, 1, 1]);
  });

  it('an unknown command, a missing command and a bad number are usage errors', async () => {
    expect((await runCli(['frobnicate'])).code).toBe(2);
    expect((await runCli([])).code).toBe(2);
    expect((await runCli(['models'])).code).toBe(2);
    const { code, errors } = await runCli(['judge', '--text', 'x', '--threads', 'two']);
    expect(code).toBe(2);
    expect(errors).toContain('Expected a whole number of at least 1');
  });

  it('--version prints the version and nothing else', async () => {
    expect((await runCli(['--version'])).output).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('with --json the help, the version and a missing command are one document each', async () => {
    expect(jsonOf(await runCli(['--version', '--json']))).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/) as unknown,
    });
    expect(jsonOf(await runCli(['judge', '--help', '--json']))).toEqual({
      help: expect.stringContaining('Usage: gadfly judge') as unknown,
    });
    const nothing = await runCli(['--json']);
    expect(nothing.code).toBe(2);
    expect(jsonOf(nothing)).toEqual({ error: { code: 'usage', message: 'no command is named; see --help' } });
  });

  it('more threads than any machine has are refused', async () => {
    const { code, errors } = await runCli(['judge', '--text', 'x', '--threads', '100000']);
    expect(code).toBe(2);
    expect(errors).toContain('at most 1024');
  });

  it('Ctrl-C ends a command without a state to save at once', async () => {
    const terminal = { ...fakeTerminal(), onInterrupt: (listener: () => void) => (listener(), () => undefined) };
    const { errors } = await runCli(['list', 'recipes'], terminal);
    expect(terminal.exits).toEqual([130]);
    expect(errors).toBe('gadfly: stopped\n');
  });

  it('the first Ctrl-C asks a run to save its state, the second ends it at once', async () => {
    for (const times of [1, 2]) {
      const terminal = {
        ...fakeTerminal(),
        onInterrupt: (listener: () => void) => {
          for (let i = 0; i < times; i++) listener();
          return () => undefined;
        },
      };
      const { errors } = await runCli(['run'], terminal);
      expect(terminal.exits).toEqual(times === 1 ? [] : [130]);
      expect(errors).toContain('press Ctrl-C again');
      expect(errors.includes('the last checkpoint is kept')).toBe(times === 2);
    }
  });

  it('global flags work before and after the command', async () => {
    const before = await runCli(['--json', 'judge', '--text', 'have a nice day']);
    const after = await runCli(['judge', '--text', 'have a nice day', '--json']);
    expect(before).toEqual(after);
    expect(jsonOf(before)).toMatchObject({ judge: 'linear-toxicity' });
  });

  it('an error that nobody foresaw still gives one document and exit code 1', async () => {
    const terminal = {
      ...fakeTerminal(),
      onInterrupt: () => {
        throw new TypeError('surprise');
      },
    };
    const { code, output } = await runCli(['doctor', '--json'], terminal);
    expect(code).toBe(1);
    expect(JSON.parse(output)).toMatchObject({ error: { code: 'unexpected', message: 'surprise' } });
  });

  it('as a process of its own the command prints one document', () => {
    const { status, stdout } = spawnSync(
      process.execPath,
      ['--import', 'tsx', 'src/cli/main.ts', 'judge', '--text', 'hello', '--json'],
      { cwd: packageRoot(), encoding: 'utf8' },
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ judge: 'linear-toxicity', results: [{ text: 'hello', failed: false }] });
  });
});

describe('gadfly judge', () => {
  it('prints the fixed JSON shape', async () => {
    const path = file('texts.jsonl', '"a quiet morning"\n{"text":"you fool"}\n{"prompt":"plain"}\nunquoted words\n');
    const result = await runCli(['judge', '--texts', path, '--threshold', '0.2', '--json']);
    expect(result.code).toBe(0);
    const { judge, threshold, results } = jsonOf(result) as {
      judge: string;
      threshold: number;
      results: Record<string, unknown>[];
    };
    expect({ judge, threshold }).toEqual({ judge: 'linear-toxicity', threshold: 0.2 });
    expect(results.map(({ text }) => text)).toEqual(['a quiet morning', 'you fool', 'plain', 'unquoted words']);
    for (const { harm, failed, labels } of results)
      expect([typeof harm, typeof failed, typeof labels]).toEqual(['number', 'boolean', 'object']);
  });

  it('says what is wrong with its input', async () => {
    const cases: readonly (readonly [readonly string[], number, string])[] = [
      [['judge'], 2, 'one of --text and --texts'],
      [['judge', '--text', 'a', '--texts', 'b'], 2, 'one of --text and --texts'],
      [['judge', '--texts', join(folder, 'nowhere.jsonl')], 2, 'no such file'],
      [['judge', '--texts', folder], 2, 'folder, not a file'],
      [['judge', '--texts', file('empty.jsonl', '\n\n')], 2, 'no texts in this file'],
      [['judge', '--texts', file('numbers.jsonl', '{"text": 3}\n')], 1, 'numbers.jsonl:1'],
      [['judge', '--texts', file('broken.jsonl', '"fine"\n{"text": \n')], 1, 'broken.jsonl:2'],
      [['judge', '--texts', file('binary.jsonl', Uint8Array.of(0xff, 0xfe, 0x00))], 1, 'not UTF-8'],
      [['judge', '--texts', file('comma.json', '["a",\n "b",]')], 1, 'comma.json:2'],
      [['judge', '--text', 'a', '--judge', 'linear-toxicty'], 2, "Did you mean 'linear-toxicity'?"],
      [['judge', '--text', 'a', '--threshold', '2'], 2, 'between 0 and 1'],
    ];
    for (const [argv, code, message] of cases) {
      const result = await runCli(argv);
      expect({ argv, code: result.code, output: result.output }).toEqual({ argv, code, output: '' });
      expect(result.errors).toContain(message);
    }
  });

  it('text of a model cannot steer the terminal', async () => {
    const { output } = await runCli(['judge', '--text', 'a\u001b[31mred\u0007\u202eb\nc']);
    expect(output).toContain('a�[31mred��b⏎c');
  });
});

describe('gadfly config', () => {
  const recipe =
    'name: x\ntarget: { model: organism }\nadversary: { model: organism }\njudge: linear-toxicity\nprompts: { test: p.json }\nstages: [{ evaluate: {} }]\n';

  it('prints the schema of a recipe', async () => {
    expect(jsonOf(await runCli(['config', 'schema', '--json']))).toMatchObject({
      title: 'Gadfly recipe',
      type: 'object',
    });
  });

  it('validates a recipe, fills in every default and names missing files', async () => {
    const result = await runCli(['config', 'validate', file('good.yaml', recipe), '--set', 'seed=3', '--json']);
    expect(result.code).toBe(0);
    expect(jsonOf(result)).toMatchObject({
      valid: true,
      configuration: { seed: 3, target: { maxNewTokens: 24 } },
      missingFiles: [{ key: 'prompts.test' }],
    });
    expect(result.errors).toContain('prompts.test names a file that is not there');
  });

  it('gives line, column and suggestion of an unknown key, also as data', async () => {
    const path = file('bad.yaml', recipe.replace('judge:', 'jugde:'));
    const result = await runCli(['config', 'validate', path, '--json']);
    expect(result.code).toBe(2);
    expect(jsonOf(result)).toMatchObject({
      error: {
        code: 'config',
        problems: [{ key: 'judge' }, { line: 4, column: 1, key: 'jugde', remedy: "did you mean 'judge'?" }],
      },
    });
    expect((await runCli(['config', 'validate', join(folder, 'nowhere.yaml')])).code).toBe(2);
  });
});

describe('gadfly list', () => {
  it.each(['attacks', 'targets', 'judges', 'datasets', 'recipes'])('%s exist, each with a sentence', async (kind) => {
    const result = await runCli(['list', kind, '--json']);
    expect(result.code).toBe(0);
    const entries = jsonOf(result)[kind] as { name: string; summary: string }[];
    expect(entries.length).toBeGreaterThan(0);
    for (const { name, summary } of entries) expect([name, summary].every((text) => text.length > 0)).toBe(true);
  });

  it('refuses another kind', async () => {
    expect((await runCli(['list', 'everything'])).code).toBe(2);
  });
});

describe('gadfly run', () => {
  it('refuses what cannot be run before it begins', async () => {
    const recipe =
      'name: x\ntarget: { model: organism }\nadversary: { model: organism }\njudge: linear-toxicity\nprompts: { test: p.json }\nstages: [{ evaluate: {} }]\n';
    const path = file('run.yaml', recipe);
    mkdirSync(join(folder, 'not-a-run'));
    const cases: readonly (readonly [readonly string[], number, string])[] = [
      [['run'], 2, 'no recipe'],
      [['run', 'no-such-recipe'], 2, 'no such recipe'],
      [['run', path, '--out', join(folder, 'out')], 2, 'prompts.test: no such file'],
      [['run', path, '--dry-run'], 2, 'prompts.test: no such file'],
      [['run', '--resume', join(folder, 'nowhere')], 2, 'no such run directory'],
      [['run', '--resume', join(folder, 'not-a-run')], 2, 'holds no run'],
      [['run', path, '--resume', folder, '--out', 'x'], 2, 'stays where it is'],
      [['run', path, '--seed', '1.5'], 2, 'Expected a whole number'],
    ];
    for (const [argv, code, message] of cases) {
      const result = await runCli(argv);
      expect({ argv, code: result.code }).toEqual({ argv, code });
      expect(result.errors).toContain(message);
    }
  });
});

describe('gadfly report', () => {
  it('refuses folders without a run, and formats that there are not', async () => {
    expect((await runCli(['report', folder])).code).toBe(2);
    const { code, errors } = await runCli(['report', folder, '--format', 'pdf']);
    expect(code).toBe(2);
    expect(errors).toContain('pdf');
  });
});
