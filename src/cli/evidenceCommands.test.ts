import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exampleEvaluation } from '../render/testing/exampleEvaluation.js';
import { writeEvaluationRun } from './testing/evaluationRun.js';
import { jsonOf, runCli } from './testing/fakeTerminal.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-evidence-'));

describe('gadfly bundle and gadfly verify', () => {
  it('make one file of a run and read it back on the command line, exit code 1 for evidence that does not hold', async () => {
    const [run, out] = [join(folder, 'run'), join(folder, 'evidence.tar.gz')];
    const recipe = ['--set', 'stages.ipo.epochs=1', '--set', 'stages.ipo.promptsPerEpoch=2'];
    const small = ['--set', 'stages.ipo.devPrompts=2', '--set', 'stages.evaluate.prompts=4', '--out', run];
    expect((await runCli(['run', 'demo', ...recipe, ...small, '--threads', '1'])).code).toBe(0);
    const bundled = jsonOf(await runCli(['bundle', run, '--out', out, '--json']));
    expect(bundled).toMatchObject({
      file: out,
      signedBy: null,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
    });

    const plain = await runCli(['verify', out, '--replay', '3', '--threads', '1', '--json']);
    expect([plain.code, jsonOf(plain)]).toMatchObject([
      0,
      { ok: true, problems: [], verdict: 'consistent, not authentic', replay: { dialogues: 3, equal: 3 } },
    ]);
    const known = await runCli(['verify', out, '--digest', String(bundled['digest'])]);
    expect([known.code, known.output]).toEqual([0, expect.stringMatching(/^authentic: [\d,]+ checks, 0 problems\n/)]);

    const changed = join(folder, 'changed');
    cpSync(run, changed, { recursive: true });
    const report = join(changed, 'report.json');
    writeFileSync(report, readFileSync(report, 'utf8').replace('"dialogues": 4', '"dialogues": 400'));
    const found = await runCli(['verify', changed]);
    expect([found.code, found.output]).toEqual([
      1,
      expect.stringMatching(/^not consistent: [^]*rows\[0\]\.dialogues\n/),
    ]);
  });

  it('refuse a run that is not done, what is no bundle, and flags that mean nothing', async () => {
    const bare = join(folder, 'bare');
    writeEvaluationRun(bare, exampleEvaluation());
    const manifest = join(bare, 'manifest.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"status":"done"', '"status":"interrupted"'));
    const refused = async (...argv: readonly string[]): Promise<readonly unknown[]> => {
      const { code, errors } = await runCli(argv);
      return [code, errors];
    };
    expect(await refused('bundle', bare)).toEqual([2, expect.stringContaining('--out: no file is named')]);
    expect(await refused('bundle', bare, '--out', join(folder, 'x'))).toEqual([
      2,
      expect.stringMatching(/this run is not done[^]*--resume/),
    ]);
    expect(await refused('verify', join(folder, 'none'))).toEqual([2, expect.stringContaining('no such file')]);
    expect(await refused('verify', manifest)).toEqual([1, expect.stringContaining('this is no bundle')]);
    expect(await refused('verify', bare, '--digest', 'abc')).toEqual([2, expect.stringContaining('this is no digest')]);
    expect(await refused('verify', bare, '--key', manifest)).toEqual([
      2,
      expect.stringContaining('holds no public key'),
    ]);
  });
});
