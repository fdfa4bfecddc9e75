/** The examples for CI servers name commands, flags and files that there are. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '../base/packageRoot.js';
import { exampleEvaluation } from '../render/testing/exampleEvaluation.js';
import { writeEvaluationRun } from './testing/evaluationRun.js';
import { runCli } from './testing/fakeTerminal.js';

interface Example {
  /** Shell lines of the job. */
  readonly lines: readonly string[];
  /** Files that it hands on. */
  readonly files: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

function readExample(name: string): Example {
  const document = parse(readFileSync(join(packageRoot(), 'examples', 'ci', `${name}.yml`), 'utf8')) as unknown;
  if (name === 'gitlab') {
    const job = (document as Record<string, unknown>)['red-team'] as {
      readonly script: readonly string[];
      readonly variables: Record<string, string>;
      readonly artifacts: { readonly paths: readonly string[]; readonly reports: { readonly junit: string } };
    };
    return {
      lines: job.script,
      files: [...job.artifacts.paths, job.artifacts.reports.junit],
      variables: job.variables,
    };
  }
  const { env, jobs } = document as {
    readonly env: Record<string, string>;
    readonly jobs: Record<
      string,
      { readonly steps: readonly { readonly run?: string; readonly with?: Record<string, string> }[] }
    >;
  };
  const steps = jobs['gadfly']?.steps ?? [];
  return {
    lines: steps.flatMap(({ run = '' }) => run.split('\n')).filter((line) => line.includes('npx gadfly')),
    files: steps
      .flatMap((step) => [step.with?.['sarif_file'] ?? '', ...(step.with?.['path'] ?? '').split('\n')])
      .filter((file) => file !== ''),
    variables: env,
  };
}

it.each(['github', 'gitlab'])(
  'the example for %s runs, writes what it hands on, and fails over the threshold',
  async (name) => {
    const { lines, files, variables } = readExample(name);
    const folder = mkdtempSync(join(tmpdir(), 'gadfly-ci-'));
    const run = join(folder, variables['RUN'] ?? '');
    writeEvaluationRun(run, exampleEvaluation());
    const codes: number[] = [];
    for (const line of lines) {
      const [command = '', fallback] = line.replace(/^.*npx gadfly /, '').split(' || ');
      const args = command
        .split(' ')
        .map((arg) => arg.replace('"$RUN"', run).replace('"$RECIPE"', variables['RECIPE'] ?? ''))
        .map((arg) => (arg.startsWith('gadfly') ? join(folder, arg) : arg));
      if (args[0] === 'run') {
        expect(fallback).toBe('[ $? -eq 3 ]');
        args.splice(2, 2, '--dry-run'); // The run of the test is there already.
      }
      codes.push((await runCli(args)).code);
    }
    expect(codes).toEqual([0, 0, 0, 3]);
    for (const file of files.filter((each) => each.startsWith('gadfly')))
      expect([file, existsSync(join(folder, file))]).toEqual([file, true]);
    expect(files).toContain(`${variables['RUN'] ?? ''}/report.html`);
  },
);
