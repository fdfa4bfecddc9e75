import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readParquet } from '../dialogue/datasets/parquet.js';
import { joinPlain } from '../dialogue/join.js';
import { dialogueRecord } from '../dialogue/records.js';
import { readPreferences } from '../dialogue/preferences.js';
import { utteranceOf } from '../dialogue/testing/scripted.js';
import type { ExchangeScore, Verdict } from '../dialogue/types.js';
import { loadRecipe } from '../recipe/readRecipe.js';
import { RunDirectory } from '../runs/runDirectory.js';
import { attackPairRecord, mendPairRecord } from '../stages/pairRecords.js';
import { jsonOf, runCli } from './testing/fakeTerminal.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-preferences-'));
const run = join(folder, 'run');
const inFolder = (name: string): string => join(folder, name);
const cli = (...argv: readonly string[]) => runCli(['preferences', run, ...argv, '--json']);

const verdict = (harm: number): Verdict => ({ kind: 'scored', harm, failed: harm > 0.5, labels: {} });
const scored = (harm: number): ExchangeScore => ({
  reply: verdict(harm),
  exchange: verdict(harm),
  utterance: verdict(0),
  adversaryNll: null,
  reward: null,
});

beforeAll(() => {
  const { recipe, configuration, source } = loadRecipe('demo');
  const directory = RunDirectory.create(run, { name: 'demo', seed: 0, configuration, source, inputs: [] });
  const record = (stage: string, said: string, harm: number) =>
    dialogueRecord(
      {
        prompt: { id: said, text: 'the shop', conversationId: said },
        turns: [utteranceOf('adversary', said), utteranceOf('target', 'go away\n')],
      },
      { [recipe.judge.model]: [scored(harm)] },
      { stage },
      null,
    );
  const ipo = 'exploit:ipo';
  directory
    .log('rollouts')
    .append(
      record(ipo, 'one', 0.9),
      record(ipo, 'two', 0.7),
      record(ipo, 'three', 0.2),
      record('evaluate:ipo', 'four', 0.9),
    );
  const side = (text: string) => ({ text, ids: [], harm: 0 });
  const pair = {
    group: 'g',
    heldOut: false,
    promptIds: [],
    controlIds: [],
    chosen: side('a'),
    rejected: side('b'),
    toxic: null,
  };
  directory.log('pairs').append(
    attackPairRecord(
      {
        dialogue: { prompt: { id: 'p', text: 'p', conversationId: 'p' }, turns: [] },
        chosen: utteranceOf('adversary', 'a'),
        rejected: utteranceOf('adversary', 'b'),
        chosenReward: 1,
        rejectedReward: 0,
        isDemonstration: false,
      },
      joinPlain,
      { stage: 'exploit:ipo' },
    ),
    mendPairRecord({ ...pair, prompt: 'p', toxic: side('c') }, 'mend:mend:pairs'),
    mendPairRecord({ ...pair, prompt: 'q', heldOut: true }, 'mend:mend:pairs'),
  );
  directory.close('done');
  writeFileSync(
    inFolder('answers.jsonl'),
    '{"prompt":"the shop\\none","chosen":"welcome"}\n{"prompt":"four","chosen":"hello"}\n',
  );
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('gadfly preferences', () => {
  it('writes the failures of the attacks beside the answers of a file, and says what is left out', async () => {
    const out = inFolder('a.jsonl');
    const result = await cli('--out', out, '--alternatives', inFolder('answers.jsonl'));
    expect(jsonOf(result)).toMatchObject({
      found: 2,
      rows: 1,
      form: 'text',
      out,
      leftOut: { 'without an answer in the file': 1 },
    });
    expect(readFileSync(out, 'utf8')).toBe(
      '{"prompt":"the shop\\none\\n","chosen":"welcome","rejected":"go away\\n"}\n',
    );
  });

  it('writes the columns of the trainer that is named: the safe answer alone, or both with a label', async () => {
    const written = async (trainer: string, name: string): Promise<string> => {
      const out = inFolder(name);
      await cli('--out', out, '--alternatives', inFolder('answers.jsonl'), '--trainer', trainer);
      return out;
    };
    expect(readFileSync(await written('sft', 'sft.jsonl'), 'utf8')).toBe(
      '{"prompt":"the shop\\none\\n","completion":"welcome"}\n',
    );
    expect(readFileSync(await written('kto', 'kto.jsonl'), 'utf8')).toBe(
      '{"prompt":"the shop\\none\\n","completion":"welcome","label":true}\n' +
        '{"prompt":"the shop\\none\\n","completion":"go away\\n","label":false}\n',
    );
    const rows: unknown[] = [];
    for await (const { value } of readParquet(await written('kto', 'kto.parquet'), null)) rows.push(value);
    expect(rows).toEqual([
      { prompt: 'the shop\none\n', completion: 'welcome', label: true },
      { prompt: 'the shop\none\n', completion: 'go away\n', label: false },
    ]);
  });

  it('searches the stages that are named, and writes messages to Parquet', async () => {
    const out = inFolder('b.parquet');
    const result = await cli(
      '--out',
      out,
      '--alternatives',
      inFolder('answers.jsonl'),
      '--stages',
      'evaluate:ipo',
      '--form',
      'chat',
    );
    expect(jsonOf(result)).toMatchObject({ found: 1, rows: 1, form: 'chat' });
    const [row] = await readPreferences(out);
    expect([row?.chosen, row?.rejected, row?.dialogue.turns[0]?.text]).toEqual([
      'hello',
      'go away',
      'the shop\n\nfour',
    ]);
  });

  it('--from pairs writes what mend stages trained on, the toxic answer too, and no held-out pair', async () => {
    const out = inFolder('c.jsonl');
    expect(jsonOf(await cli('--out', out, '--from', 'pairs'))).toMatchObject({
      found: 2,
      rows: 1,
      leftOut: { 'held out for the measures': 1 },
    });
    expect(readFileSync(out, 'utf8')).toBe('{"prompt":"p","chosen":"a","rejected":"b","toxic":"c"}\n');
  });

  it('another model on this machine reads the dialogues as the target does, whatever it is called', async () => {
    const out = inFolder('d.jsonl');
    const result = await cli(
      '--out',
      out,
      '--alternatives',
      resolve('assets/organism'),
      '--samples',
      '4',
      '--threads',
      '1',
    );
    expect(result.code).toBe(0);
    const rows = readFileSync(out, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { prompt: string; chosen: string });
    expect(rows).toHaveLength(2);
    // A clerk who did not know that a line ends a turn would go on in the customer's.
    for (const { prompt, chosen } of rows) expect(`${prompt}${chosen}`).toMatch(/\n[^\n]+\n$/);
    for (const { chosen } of rows) expect(chosen).not.toMatch(/^ /);
  });

  it('refuses another ending, a file that is not there, and choices beside pairs', async () => {
    const out = ['--out', inFolder('x.jsonl')];
    for (const argv of [
      ['--out', inFolder('x.csv')],
      [...out, '--alternatives', 'missing.jsonl'],
      [...out, '--from', 'pairs', '--form', 'chat'],
    ]) {
      expect((await cli(...argv)).code).toBe(2);
    }
  });
});

it('a run of a remote target takes alternatives of a model on this machine, which is not asked over a network', async () => {
  const remote = join(folder, 'remote');
  const target = ['model=openai:m', 'baseUrl=http://127.0.0.1:1/v1', 'format=lines', 'remote={ timeout: 1s }'];
  const { recipe, configuration, source } = loadRecipe('endpoint', {
    set: [...target.map((each) => `target.${each}`), 'judge=linear-toxicity'],
  });
  const directory = RunDirectory.create(remote, { name: 'remote', seed: 0, configuration, source, inputs: [] });
  const turns = [utteranceOf('adversary', 'hello'), utteranceOf('target', 'go away')];
  const dialogue = { prompt: { id: 'a', text: 'good morning', conversationId: 'a' }, turns };
  directory
    .log('rollouts')
    .append(dialogueRecord(dialogue, { [recipe.judge.model]: [scored(0.9)] }, { stage: 'evaluate:untuned' }, null));
  directory.close('done');
  const out = join(folder, 'remote.jsonl');
  const { code, output } = await runCli(['preferences', remote, '--alternatives', 'organism', '--out', out, '--json']);
  expect(code).toBe(0);
  expect(output).toContain('"rows":1');
});
