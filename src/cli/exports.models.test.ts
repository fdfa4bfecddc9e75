/** The tools that exports are for open them: each runs where an environment variable names it (docs/exports.md says how to
 *  have them), on an evaluation with hostile text, unscored replies and a row without dialogues. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { preferenceLines, preferenceParquet } from '../dialogue/preferenceRows.js';
import { exampleEvaluation } from '../render/testing/exampleEvaluation.js';
import { writeEvaluationRun } from './testing/evaluationRun.js';
import { runCli } from './testing/fakeTerminal.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-exports-'));
const run = join(folder, 'run');
const golden = (name: string): string => resolve(import.meta.dirname, '../../tests/golden', name);

beforeAll(() => {
  writeEvaluationRun(run, exampleEvaluation());
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Describes a tool that a variable names; it is left out, with a warning, where the variable is not set. */
function tool(name: string, variable: string, test: (path: string) => void): void {
  const path = process.env[variable] ?? '';
  if (path === '') console.warn(`!! ${name} IS NOT TESTED HERE: ${variable} does not name it`);
  describe.skipIf(path === '')(name, () => {
    it('is where its variable says', () => {
      expect(existsSync(path), path).toBe(true);
    });
    test(path);
  });
}

async function exported(format: string, file: string): Promise<string> {
  const out = join(folder, file);
  const { code, errors } = await runCli(['report', run, '--format', format, '--out', out]);
  expect([code, errors]).toEqual([0, '']);
  return out;
}

/** Runs a program and returns the last line that it prints. */
function lastLine(
  program: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): string {
  const printed = execFileSync(program, [...argv], {
    encoding: 'utf8',
    env: { ...process.env, HOME: folder, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return printed.trim().split('\n').at(-1) ?? '';
}

tool('inspect_ai 0.3.285', 'GADFLY_INSPECT_PYTHON', (python) => {
  it('reads the log, with unscored samples as NaN and their reasons, and does not trust the content', async () => {
    const log = await exported('inspect', 'run.eval');
    expect(JSON.parse(lastLine(python, [golden('openInspectLog.py'), log]))).toEqual({
      version: '0.3.285',
      status: 'success',
      samples: 6,
      summaries: 6,
      unscored: { 'untuned--b': 'no_response', 'ipo--d': 'grader_failed' },
      trusted: false,
      scores: ['linear-toxicity', 'insult-words'],
    });
  });
});

tool('garak 0.17.1', 'GADFLY_GARAK_PYTHON', (python) => {
  it('digests the lines into its report, with rows as probes and judges as detectors', async () => {
    const lines = await exported('garak', 'run.report.jsonl');
    const page = join(folder, 'garak.html');
    lastLine(python, ['-m', 'garak.analyze.report_digest', '-r', lines, '-o', page, '-w']);
    const digest = readFileSync(lines, 'utf8').trimEnd().split('\n').at(-1) ?? '';
    expect(JSON.parse(digest)).toMatchObject({
      entry_type: 'digest',
      eval: {
        atkgen: {
          'atkgen.ipo': {
            'judge.linear_toxicity': { absolute_score: 0.25, total_evaluated: 4, passed: 1 },
            'judge.insult_words': { absolute_score: 0.25 },
          },
        },
      },
    });
    expect(readFileSync(page, 'utf8')).toContain('atkgen.ipo');
  });
});

tool('promptfoo 0.123.1', 'GADFLY_PROMPTFOO', (promptfoo) => {
  it('imports the results as a red-team evaluation and gives them back', async () => {
    const results = await exported('promptfoo', 'run.json');
    const environment = {
      PROMPTFOO_CONFIG_DIR: join(folder, 'promptfoo'),
      PROMPTFOO_DISABLE_TELEMETRY: '1',
      PROMPTFOO_DISABLE_UPDATE: '1',
    };
    const { evalId } = JSON.parse(readFileSync(results, 'utf8')) as { evalId: string };
    expect(lastLine(promptfoo, ['import', results], environment)).toContain('successfully imported');
    const back = join(folder, 'back.json');
    lastLine(promptfoo, ['export', 'eval', evalId, '-o', back], environment);
    const { results: kept, config } = JSON.parse(readFileSync(back, 'utf8')) as {
      config: { redteam?: object };
      results: { version: number; results: { failureReason: number; success: boolean }[]; stats: object };
    };
    expect(config.redteam).toBeDefined();
    expect(kept.version).toBe(3);
    expect(kept.stats).toMatchObject({ successes: 1, failures: 3, errors: 2 });
    expect(kept.results.map(({ failureReason }) => failureReason).sort()).toEqual([0, 1, 1, 1, 2, 2]);
  });
});

tool('Sarif.Multitool 5.7', 'GADFLY_SARIF_MULTITOOL', (multitool) => {
  it('finds no error by the schema, the rules of SARIF and those of GitHub', async () => {
    const sarif = await exported('sarif', 'run.sarif');
    const rules = ['validate', sarif, '--rule-kind', 'Sarif;Ghas', '--level', 'Error'];
    const printed = lastLine(multitool, rules, { DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: '1' });
    expect(printed).toBe('Analysis completed successfully.');
  });
});

tool('the JUnit schema junit-10.xsd of Jenkins', 'GADFLY_JUNIT_XSD', (xsd) => {
  it('holds for the file, by lxml', async () => {
    const junit = await exported('junit', 'run.xml');
    const python = process.env['GADFLY_JUNIT_PYTHON'] ?? 'python3';
    expect(lastLine(python, [golden('validateJunit.py'), xsd, junit])).toBe('valid');
  });
});

tool('TRL 1.16.0', 'GADFLY_TRL_PYTHON', (python) => {
  const say = (role: 'user' | 'assistant', content: string) => [{ role, content }];
  const texts = ['one', 'two'].map((prompt) => ({ prompt, chosen: ' welcome', rejected: ' go away' }));
  const chats = ['one', 'two'].map((prompt) => ({
    prompt: say('user', prompt),
    chosen: say('assistant', 'welcome'),
    rejected: say('assistant', 'go away'),
  }));
  const columns = {
    dpo: ['prompt', 'chosen', 'rejected'],
    sft: ['prompt', 'completion'],
    kto: ['prompt', 'completion', 'label'],
  };

  it('trains by DPO, SFT and KTO on text as lines and on messages as Parquet', () => {
    const files = (['dpo', 'sft', 'kto'] as const).flatMap((trainer) => {
      const [lines, parquet] = [join(folder, `${trainer}.jsonl`), join(folder, `${trainer}.parquet`)];
      writeFileSync(lines, preferenceLines(texts, trainer));
      writeFileSync(parquet, preferenceParquet(chats, trainer));
      return [lines, parquet].map((path) => ({ trainer, path }));
    });
    const pairs = files.map(({ trainer, path }) => `${trainer}:${path}`);
    expect(JSON.parse(lastLine(python, [golden('trainOnPreferences.py'), ...pairs]))).toEqual({
      version: '1.16.0',
      trained: files.map(({ trainer }) => ({
        trainer,
        rows: trainer === 'kto' ? 4 : 2,
        columns: columns[trainer],
        loss: expect.any(Number) as number,
      })),
    });
  });
});
