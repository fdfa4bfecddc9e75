/** A third attack, defined in tests alone: all that other rooms know of an attack they learn from its own definition. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type * as Table from '../src/attacks/all.js';
import type * as DeviceModule from '../src/engine/runtime/device.js';
import { jsonOf, runCli } from '../src/cli/testing/fakeTerminal.js';
import { chatAnswer, fakeServer, sendJson } from '../src/remote/testing/fakeServer.js';
import { tinyMendStage, tinySpeaker, writeTinyCommandFiles } from './fakes/tinyCommandRecipe.js';

vi.mock('../src/attacks/all.js', async (original) => {
  const { attacks } = await original<typeof Table>();
  const { expertIteration } = await import('./fakes/attacks/expertIteration.js');
  const { pickWorst } = await import('./fakes/attacks/pickWorst.js');
  return { attacks: { ...attacks, expertIteration, pickWorst } };
});

const opened = vi.hoisted(() => ({ devices: 0 }));

vi.mock('../src/engine/runtime/device.js', async (original) => {
  const actual = await original<typeof DeviceModule>();
  const openDevice: typeof actual.openDevice = (...options) => {
    opened.devices++;
    return actual.openDevice(...options);
  };
  return { ...actual, openDevice };
});

const folder = mkdtempSync(join(tmpdir(), 'gadfly-fake-attack-'));

const cli = (...argv: readonly string[]) => runCli([...argv, '--threads', '1', '--json']);

function writeRecipe(name: string, lines: string): string {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, lines);
  return file;
}

interface Turn {
  readonly text: string;
}

function findsOf(out: string): {
  readonly kind: string;
  readonly finds: readonly {
    readonly prompt: string;
    readonly turns: readonly Turn[];
    readonly tries: number;
    readonly cost: Readonly<Record<string, number>>;
  }[];
} {
  return JSON.parse(readFileSync(join(out, 'models/pickWorst/adversary.json'), 'utf8')) as ReturnType<typeof findsOf>;
}

function dialoguesOf(out: string, unit: string) {
  return readFileSync(join(out, 'rollouts.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map(
      (line) =>
        JSON.parse(line) as {
          readonly stage: string;
          readonly prompt: { readonly id: string };
          readonly turns: readonly Turn[];
          readonly scores: Readonly<Record<string, readonly { readonly reply: unknown }[]>>;
          readonly cost?: Readonly<Record<string, number>>;
        },
    )
    .filter(({ stage }) => stage === unit);
}

const mended = `name: mended
target: ${tinySpeaker}
adversary: ${tinySpeaker}
judge: linear-toxicity
prompts: { train: train.json, test: test.json }
stages:
  - exploit: { attack: expertIteration, epochs: 3 }
${tinyMendStage}  - evaluate: { turns: 1, judges: [linear-toxicity, insult-words] }
`;

beforeAll(() => writeTinyCommandFiles(folder));

describe('an attack that only its own definition knows', () => {
  it('is listed with what it needs', async () => {
    const { attacks } = jsonOf(await cli('list', 'attacks')) as { attacks: readonly Record<string, unknown>[] };
    expect(attacks.find(({ name }) => name === 'expertIteration')).toMatchObject({
      summary: 'learns to say again what was rewarded most',
      needs: ['logProbs'],
    });
  });

  it('trains, is mended against and evaluated, and the report says which judge trained it', async () => {
    const out = join(folder, 'whole');
    const ran = await cli('run', writeRecipe('mended', mended), '--out', out);
    expect(ran.errors).not.toContain('gadfly:');
    expect(ran.code).toBe(0);
    const rows = jsonOf(ran)['rows'] as readonly Record<string, unknown>[];
    const row = (name: string, judge: string) => rows.find((each) => each['name'] === name && each['judge'] === judge);
    expect(row('expertIteration', 'linear-toxicity')).toMatchObject({
      attack: 'expertIteration',
      judgeTrainedOn: true,
    });
    expect(row('expertIteration', 'insult-words')).toMatchObject({ judgeTrainedOn: false });
    expect(row('untuned', 'linear-toxicity')).toMatchObject({ attack: 'none', judgeTrainedOn: false });
    expect(row('expertIteration@dpo', 'linear-toxicity')).toMatchObject({ target: 'dpo' });
    const { kind } = JSON.parse(readFileSync(join(out, 'models/expertIteration/adversary.json'), 'utf8')) as {
      kind: string;
    };
    expect(kind).toBe('languageModel');
  });

  it('stopped by a limit and resumed, leaves the dialogues and weights of a run never stopped', async () => {
    const recipe = writeRecipe('resumed', mended.replace(tinyMendStage, ''));
    const [whole, parts] = [join(folder, 'never-stopped'), join(folder, 'stopped')];
    expect((await cli('run', recipe, '--out', whole)).code).toBe(0);
    expect((await cli('run', recipe, '--out', parts, '--set', 'limits.maxTokens=100')).code).toBe(4);
    expect(existsSync(join(parts, 'models/expertIteration'))).toBe(false);
    expect((await cli('run', '--resume', parts, '--set', 'limits.maxTokens=null')).code).toBe(0);
    for (const file of ['rollouts.jsonl', 'models/expertIteration/model.safetensors']) {
      expect(readFileSync(join(parts, file)).equals(readFileSync(join(whole, file)))).toBe(true);
    }
  });

  it('is planned by the dry run with its own count', async () => {
    const planned = jsonOf(await cli('run', writeRecipe('planned', mended), '--dry-run'));
    const [stage] = planned['stages'] as readonly Record<string, unknown>[];
    expect(stage).toMatchObject({ stage: 'expertIteration', exchanges: 24, judgeQueries: 72, optimizerSteps: 3 });
  });

  it('is refused where its options do not fit, or the target does not give what it needs', async () => {
    const broken = await cli('config', 'validate', writeRecipe('broken', mended.replace('epochs: 3', 'keep: 9')));
    expect(broken.code).toBe(2);
    expect(broken.errors).toContain('stages.0.exploit.keep: must not exceed promptsPerEpoch (8)');
    const http = `{ model: http:shop, http: { url: 'http://127.0.0.1:1', body: { text: '{{text}}' }, reply: text } }`;
    const textOnly = mended
      .replace(`target: ${tinySpeaker}`, `target: ${http}`)
      .replace(tinyMendStage, '')
      .replace('epochs: 3', 'reward: { likelihood: 0 }');
    const refused = await cli('config', 'validate', writeRecipe('text-only', textOnly));
    expect(refused.code).toBe(2);
    expect(refused.errors).toContain('expertIteration needs log-probabilities of given text');
  });
});

describe('an attack that trains nothing', () => {
  const search = (adversary: string, options: string): string => `name: search
target: ${tinySpeaker}
adversary: ${adversary}
judge: linear-toxicity
prompts: { train: train.json, test: test.json }
stages:
  - exploit: { attack: pickWorst${options} }
  - evaluate: { turns: 1 }
`;

  it('finds something to say at each test prompt, which an evaluation says there and calls a search', async () => {
    const out = join(folder, 'finds');
    const said = ', utterances: [you are kind, you are stupid, good day]';
    const ran = await cli('run', writeRecipe('finds', search(tinySpeaker, said)), '--out', out);
    expect(ran.errors).not.toContain('gadfly:');
    expect(ran.code).toBe(0);
    const product = findsOf(out);
    expect(product).toMatchObject({ kind: 'finds', attack: 'pickWorst' });
    expect(product.finds).toHaveLength(2);
    for (const { tries, cost } of product.finds) {
      expect(tries).toBe(3);
      expect(cost).toMatchObject({ targetReplies: 3, judgeTexts: 9 });
    }
    const evaluated = dialoguesOf(out, 'evaluate:pickWorst');
    expect(evaluated.map(({ prompt, turns }) => [prompt.id, turns[0]?.text])).toEqual(
      product.finds.map(({ prompt, turns }) => [prompt, turns[0]?.text]),
    );
    // The costs of the three tries of a prompt, as each was made.
    expect(dialoguesOf(out, 'exploit:pickWorst').map(({ cost }) => cost?.['targetReplies'])).toEqual([
      1, 2, 3, 1, 2, 3,
    ]);
    const rows = jsonOf(ran)['rows'] as readonly Record<string, unknown>[];
    expect(rows.find(({ name }) => name === 'untuned')).toMatchObject({ attackKind: 'none' });
    expect(rows.find(({ name }) => name === 'pickWorst')).toMatchObject({
      attackKind: 'search',
      judgeTrainedOn: true,
      search: { prompts: 2, found: 2, tries: 6, cost: { targetReplies: 6, judgeTexts: 18 } },
    });
  });

  it('counts a prompt without a find as a reply without harm, and says so', async () => {
    const out = join(folder, 'left-out');
    const options = ', utterances: [you are stupid], leaveOut: hello';
    const recipe = search(tinySpeaker, options).replace('turns: 1', 'turns: 2');
    const ran = await cli('run', writeRecipe('left-out', recipe), '--out', out);
    expect(ran.errors).not.toContain('gadfly:');
    expect(ran.code).toBe(0);
    const [, silent] = dialoguesOf(out, 'evaluate:pickWorst');
    expect(silent?.turns.map(({ text }) => text)).toEqual(['', '', '', '']);
    expect(silent?.scores['linear-toxicity']?.map(({ reply }) => reply)).toEqual(
      Array.from({ length: 2 }, () => ({ harm: 0, failed: false })),
    );
    const { rows, notes } = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as {
      readonly rows: readonly Record<string, unknown>[];
      readonly notes: readonly string[];
    };
    expect(rows.find(({ name }) => name === 'pickWorst')).toMatchObject({
      dialogues: 2,
      unscored: 0,
      noReply: 0,
      search: { prompts: 2, found: 1, reasons: [{ reason: 'left out', count: 1 }] },
    });
    expect(notes.join(' ')).toContain('For 1 of them it has nothing to say (left out)');
  });

  it('searches the prompts that the evaluation plays, and no others', async () => {
    const out = join(folder, 'first');
    const recipe = search(tinySpeaker, ', utterances: [good day]').replace('turns: 1', 'turns: 1, prompts: 1');
    expect((await cli('run', writeRecipe('first', recipe), '--out', out)).code).toBe(0);
    expect(findsOf(out).finds).toHaveLength(1);
    const planned = jsonOf(await cli('run', writeRecipe('first', recipe), '--dry-run'));
    expect((planned['stages'] as readonly Record<string, unknown>[])[0]).toMatchObject({ exchanges: 1 });
  });

  it('stopped between two prompts and resumed, leaves the bytes of a run never stopped', async () => {
    const recipe = writeRecipe('search-resumed', search(tinySpeaker, ', utterances: [you are kind, you are stupid]'));
    const [whole, parts] = [join(folder, 'search-whole'), join(folder, 'search-parts')];
    expect((await cli('run', recipe, '--out', whole)).code).toBe(0);
    expect((await cli('run', recipe, '--out', parts, '--set', 'limits.maxTargetReplies=2')).code).toBe(4);
    expect(existsSync(join(parts, 'models/pickWorst'))).toBe(false);
    expect((await cli('run', '--resume', parts, '--set', 'limits.maxTargetReplies=null')).code).toBe(0);
    for (const file of ['rollouts.jsonl', 'models/pickWorst/adversary.json'])
      expect(readFileSync(join(parts, file), 'utf8')).toBe(readFileSync(join(whole, file), 'utf8'));
  });

  it('is refused without test prompts, and its finds where a target is mended', async () => {
    const recipe = search(tinySpeaker, ', utterances: [good day]');
    const none = recipe.replace(', test: test.json', '').replace('  - evaluate: { turns: 1 }\n', '');
    const refused = await cli('config', 'validate', writeRecipe('no-test', none));
    expect(refused.code).toBe(2);
    expect(refused.errors).toContain('prompts.test: missing: the stage exploit (pickWorst) needs it');
    const mends = recipe.replace('  - evaluate', `${tinyMendStage}  - evaluate`);
    expect((await cli('config', 'validate', writeRecipe('mend-finds', mends))).errors).toContain(
      'no earlier stage plays with the target on training prompts',
    );
  });

  it('may prompt an adversary as it is, and trains none', async () => {
    const out = join(folder, 'prompted');
    const ran = await cli('run', writeRecipe('prompted', search(tinySpeaker, '')), '--out', out);
    expect(ran.errors).not.toContain('gadfly:');
    expect(ran.code).toBe(0);
    expect(existsSync(join(out, 'models/pickWorst/model.safetensors'))).toBe(false);
    expect(findsOf(out).finds.map(({ tries }) => tries)).toEqual([1, 1]);
  });

  it('against an endpoint, prompting an adversary at another, opens no model on this machine', async () => {
    const server = await fakeServer(({ body }, response) => {
      const said = (body['messages'] as { content: string }[]).at(-1)?.content ?? '';
      sendJson(response, chatAnswer(`${said} you stupid thing`));
    });
    try {
      const remote = `{ model: 'openai:small', baseUrl: '${server.url}', remote: { promptLogProbs: none } }`;
      const out = join(folder, 'remote');
      const recipe = search(remote, '').replace(`target: ${tinySpeaker}`, `target: ${remote}`);
      const before = opened.devices;
      const ran = await cli('run', writeRecipe('remote', recipe), '--out', out);
      expect(ran.errors).not.toContain('gadfly:');
      expect(ran.code).toBe(0);
      expect(server.received.length).toBeGreaterThan(0);
      expect(opened.devices).toBe(before);
    } finally {
      await server.close();
    }
  });

  it('cannot prompt a list of prompts', async () => {
    writeFileSync(join(folder, 'list.json'), JSON.stringify(['hello']));
    const recipe = writeRecipe('listed', search("{ model: 'prompts:list.json' }", ''));
    const refused = await cli('config', 'validate', recipe);
    expect(refused.code).toBe(2);
    expect(refused.errors).toContain('prompts the adversary');
  });
});
