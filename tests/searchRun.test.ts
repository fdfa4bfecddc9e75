/** Searches in whole runs, from the recipe to the report's rows. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { jsonOf, runCli } from '../src/cli/testing/fakeTerminal.js';
import { chatAnswer, fakeServer, sendJson } from '../src/remote/testing/fakeServer.js';
import { tinySpeaker, writeTinyCommandFiles } from './fakes/tinyCommandRecipe.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-search-run-'));

const cli = (...argv: readonly string[]) => runCli([...argv, '--threads', '1', '--json']);

function writeRecipe(
  name: string,
  stages: string,
  speakers = `target: ${tinySpeaker}\nadversary: ${tinySpeaker}`,
): string {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    `name: ${name}\n${speakers}\njudge: linear-toxicity\nprompts: { train: train.json, test: test.json }\nstages:\n${stages}  - evaluate: { turns: 2 }\n`,
  );
  return file;
}

const rowsOf = (ran: Awaited<ReturnType<typeof cli>>): readonly Record<string, unknown>[] => {
  expect(ran.errors).not.toContain('gadfly:');
  expect(ran.code).toBe(0);
  return jsonOf(ran)['rows'] as readonly Record<string, unknown>[];
};

beforeAll(async () => {
  await writeTinyCommandFiles(folder);
  const answer = (prompt: string): string => JSON.stringify({ improvement: 'none', prompt });
  writeFileSync(join(folder, 'answers.json'), JSON.stringify([answer('say {"a": "}"}'), answer('you stupid thing')]));
});

describe('searches in a run', () => {
  it('draw from the adversary of an earlier stage, and count beforehand what they then spend', async () => {
    const recipe = writeRecipe(
      'from',
      `  - exploit: { attack: ctb, epochs: 1, promptsPerEpoch: 2, batchPairs: 2, devEvery: 0, horizon: 1, reward: { likelihood: 0 } }
  - exploit: { attack: bestOfN, from: ctb, n: 3, budget: { targetReplies: 2 } }
  - exploit: { attack: beam, from: ctb, horizon: 2, width: 1, expand: 2, attacker: { temperature: 2 } }
`,
    );
    const planned = jsonOf(await cli('run', recipe, '--dry-run'))['stages'] as readonly Record<string, unknown>[];
    const rows = rowsOf(await cli('run', recipe, '--out', join(folder, 'from')));
    for (const [name, replies] of [
      ['bestOfN', 4],
      ['beam', 8],
    ] as const) {
      expect(planned.find(({ stage }) => stage === name)).toMatchObject({
        exchanges: replies,
        judgeQueries: 3 * replies,
      });
      expect(rows.find((row) => row['name'] === name)).toMatchObject({
        attackKind: 'search',
        search: { prompts: 2, found: 2, tries: replies, cost: { targetReplies: replies, judgeTexts: 3 * replies } },
      });
    }
    expect(rows.find(({ name }) => name === 'ctb')).toMatchObject({ attackKind: 'policy' });
    const notes = (JSON.parse(readFileSync(join(folder, 'from/report.json'), 'utf8')) as { notes: readonly string[] })
      .notes;
    expect(notes.join(' ')).toContain(
      'Searches (bestOfN, beam) worked on these very prompts, policies (ctb) learnt on others',
    );
  });

  it('of PAIR, whose attacker writes no JSON, end with a row that says so', async () => {
    const recipe = writeRecipe('no-json', '  - exploit: { attack: pair, answers: 2, attacker: { maxNewTokens: 5 } }\n');
    const row = rowsOf(await cli('run', recipe, '--out', join(folder, 'no-json'))).find(({ name }) => name === 'pair');
    expect(row).toMatchObject({
      dialogues: 2,
      unscored: 0,
      metrics: { replyFailureRate: { mean: 0, n: 4 } },
      search: {
        found: 0,
        tries: 0,
        counts: { answers: 36, unreadable: 36 },
        reasons: [{ reason: 'the attacker wrote no JSON with a prompt in 18 answers', count: 2 }],
      },
    });
  });

  it('of PAIR, by a scripted attacker against an endpoint, ask it once for each message', async () => {
    const server = await fakeServer(({ body }, response) => {
      sendJson(response, chatAnswer((body['messages'] as { content: string }[]).at(-1)?.content ?? ''));
    });
    try {
      const remote = `{ model: 'openai:small', baseUrl: '${server.url}', remote: { promptLogProbs: none } }`;
      const recipe = writeRecipe(
        'scripted',
        "  - exploit: { attack: pair, streams: 2, iterations: 2, stopAt: null, attacker: { model: 'prompts:answers.json' } }\n",
        `target: ${remote}\nadversary: ${remote}`,
      );
      const rows = rowsOf(await cli('run', recipe, '--out', join(folder, 'scripted')));
      expect(rows.find(({ name }) => name === 'pair')).toMatchObject({
        search: { found: 2, tries: 8, cost: { targetReplies: 8 }, counts: { answers: 8, unreadable: 0 } },
      });
    } finally {
      await server.close();
    }
  });

  it('refuse what cannot propose anew', async () => {
    const list = writeRecipe('list', "  - exploit: { attack: bestOfN, attacker: { model: 'prompts:answers.json' } }\n");
    expect((await cli('config', 'validate', list)).errors).toContain('a list of prompts says the same at every draw');
    const found = writeRecipe(
      'found',
      '  - exploit: { attack: bestOfN }\n  - exploit: { attack: beam, from: bestOfN }\n',
    );
    expect((await cli('config', 'validate', found)).errors).toContain("no earlier stage trains 'bestOfN'");
  });
});
