/** The API of the page of runs over real files: what it tells, what it refuses. */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.js';
import { liveEvents } from './liveEvents.js';
import { pageToken } from './pageToken.js';
import type {
  Comparison,
  DialoguePage,
  DialoguesRequest,
  LiveEvent,
  LiveRequest,
  RunSummary,
  ShownDialogue,
} from './protocol.js';
import { RunList } from './runList.js';
import { createRunsApp } from './runsApp.js';
import { appendMetrics, writeSyntheticRun } from './testing/syntheticRuns.js';

const token = 'the-token';
const page = { html: '<title>page</title>', assets: new Map([['a.js', { content: '1', type: 'text/javascript' }]]) };

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'gadfly-ui-')));
});

const newList = (): RunList => new RunList(root, systemClock);

async function ask(
  path: string,
  body: object | null,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return createRunsApp(newList(), { token, page }).request(`http://127.0.0.1:8323${path}`, {
    ...(body === null ? {} : { method: 'POST', body: JSON.stringify(body) }),
    headers: {
      host: '127.0.0.1:8323',
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...headers,
    },
  });
}

async function answer<T>(path: string, body: object): Promise<T> {
  const response = await ask(path, body);
  const value = (await response.json()) as T;
  expect([response.status, response.status === 200 ? null : value]).toEqual([200, null]);
  return value;
}

const query: DialoguesRequest = {
  id: 'tea',
  words: '',
  saidBy: 'anyone',
  minHarm: 0,
  maxHarm: 1,
  minNll: null,
  maxNll: null,
  failed: null,
  stage: null,
  epoch: null,
  order: 'worst',
  from: 0,
  count: 50,
  withText: false,
};
const search = (changes: Partial<DialoguesRequest> = {}): Promise<DialoguePage> =>
  answer('/api/dialogues', { ...query, ...changes });

/** Takes events until `enough`. */
async function follow(
  list: RunList,
  request: LiveRequest,
  enough: (events: readonly LiveEvent[]) => boolean,
): Promise<readonly LiveEvent[]> {
  const events: LiveEvent[] = [];
  const signal = AbortSignal.timeout(20_000);
  for await (const event of liveEvents(list, request, { clock: systemClock, signal, everyMs: 5 })) {
    if (event.kind !== 'beat') events.push(event);
    if (enough(events)) return events;
  }
  throw new Error(`not enough events: ${JSON.stringify(events)}`);
}

describe('the list', () => {
  it('has runs and sweeps at any depth with their headline, and says what is damaged or was killed', async () => {
    writeSyntheticRun(join(root, 'tea'), { rate: 0.6 });
    writeSyntheticRun(join(root, 'group/deep/cup'), { status: 'running', hasReport: false, steps: 6 });
    mkdirSync(join(root, 'broken'));
    writeFileSync(join(root, 'broken/manifest.json'), '{"schema": 1');
    mkdirSync(join(root, 'other'));
    writeFileSync(join(root, 'other/sweep.json'), '{"brooms": 3}');
    const list = newList();
    while (!list.isWhole || list.ids.length === 0) await list.refresh();
    expect([...list.ids]).toEqual(['broken', 'group/deep/cup', 'tea']);
    expect(list.get('tea')).toMatchObject({
      status: 'done',
      target: 'organism',
      attacks: ['ipo'],
      headline: { name: 'ipo', metrics: { replyFailureRate: { mean: 0.6, low: 0.48 } } },
    });
    expect(list.get('broken')).toMatchObject({ status: 'damaged' });
    expect(list.get('group/deep/cup')).toMatchObject({
      status: 'interrupted',
      reason: expect.stringContaining('--resume') as string,
      headline: null,
    });
  });

  it('tells the time left of a run whose process lives, from its pace so far', async () => {
    const folder = join(root, 'tea');
    writeSyntheticRun(folder, { status: 'running', hasReport: false, steps: 20, epochs: 10 });
    const holder = { pid: process.pid, host: (await import('node:os')).hostname(), processStart: null, token: 'x' };
    writeFileSync(join(folder, 'run.lock'), JSON.stringify(holder));
    const { run } = await answer<RunSummary>('/api/run', { id: 'tea' });
    // 40 seconds for 4.5 epochs, 5.5 to go.
    expect(run).toMatchObject({
      status: 'running',
      progress: { epoch: 5, epochs: 10 },
      spent: { targetReplies: 1120 },
    });
    expect(run.progress?.secondsLeft).toBeCloseTo((40 / 4.5) * 5.5, 6);
  });

  it('pushes only what is newer than the page knows, and what comes and goes', async () => {
    writeSyntheticRun(join(root, 'one'));
    writeSyntheticRun(join(root, 'two'));
    const list = newList();
    const isWhole = (events: readonly LiveEvent[]): boolean =>
      events.some((event) => event.kind === 'list' && event.isWhole);
    const first = await follow(list, { list: { sinceMs: 0 }, runs: [] }, isWhole);
    const changed = first.flatMap((event) => (event.kind === 'list' ? event.changed : []));
    expect(changed.map(({ id }) => id).sort()).toEqual(['one', 'two']);
    const sinceMs = Math.max(...changed.map(({ changedMs }) => changedMs));
    writeSyntheticRun(join(root, 'three'));
    rmSync(join(root, 'one'), { recursive: true });
    const second = await follow(newList(), { list: { sinceMs }, runs: [] }, isWhole);
    expect(second.flatMap((event) => (event.kind === 'list' ? event.changed.map(({ id }) => id) : []))).toEqual([
      'three',
    ]);
    expect(second.find((event) => event.kind === 'list')).toMatchObject({ ids: ['three', 'two'] });
  });
});

describe('metrics by cursor', () => {
  it('come once each, over a new server and over a torn line', async () => {
    const folder = join(root, 'tea');
    writeSyntheticRun(folder, { steps: 3 });
    const steps = (events: readonly LiveEvent[]): unknown[] =>
      events.flatMap((event) => (event.kind === 'metrics' ? event.records.map(({ step }) => step) : []));
    const last = (events: readonly LiveEvent[]) => events.filter((event) => event.kind === 'metrics').at(-1);
    const first = await follow(
      newList(),
      { list: null, runs: [{ id: 'tea', cursor: { bytes: 0, mark: '' } }] },
      (e) => steps(e).length >= 3,
    );
    const cursor = last(first)?.cursor;
    expect(steps(first)).toEqual([1, 2, 3]);
    appendFileSync(join(folder, 'metrics.jsonl'), '{"step":');
    setTimeout(() => {
      appendFileSync(join(folder, 'metrics.jsonl'), '4,"stage":"exploit:ipo"}\n');
      appendMetrics(folder, 5, 1);
    }, 60);
    const second = await follow(
      newList(),
      { list: null, runs: [{ id: 'tea', cursor: cursor ?? { bytes: 0, mark: '' } }] },
      (e) => steps(e).includes(5),
    );
    expect(steps(second)).toEqual([4, 5]);
    expect(second.some((event) => event.kind === 'metrics' && event.isReset)).toBe(false);
  });

  it('begin anew when a resumed run has cut the file back, also where it grew past the cursor again', async () => {
    const folder = join(root, 'tea');
    writeSyntheticRun(folder, { steps: 6 });
    const all = await follow(
      newList(),
      { list: null, runs: [{ id: 'tea', cursor: { bytes: 0, mark: '' } }] },
      (e) => e.length > 0,
    );
    const [event] = all;
    const path = join(folder, 'metrics.jsonl');
    const lines = readFileSync(path, 'utf8').split('\n');
    writeFileSync(path, `${lines.slice(0, 3).join('\n')}\n`);
    appendMetrics(folder, 104, 9);
    const cursor = event?.kind === 'metrics' ? event.cursor : { bytes: 0, mark: '' };
    const anew = await follow(newList(), { list: null, runs: [{ id: 'tea', cursor }] }, (e) => e.length > 0);
    expect(anew[0]).toMatchObject({ kind: 'metrics', isReset: true });
    expect(anew[0]?.kind === 'metrics' ? anew[0].records.map(({ step }) => step).slice(0, 4) : []).toEqual([
      1, 2, 3, 104,
    ]);
  });
});

describe('dialogues', () => {
  it('come worst first, page by page, without their words unless these are asked for', async () => {
    writeSyntheticRun(join(root, 'tea'), { dialogues: 120 });
    const first = await search({ count: 50 });
    expect(first).toMatchObject({ matching: 120, indexed: 120, isWhole: true, share: 1 });
    const second = await search({ from: 50, count: 100, withText: true });
    const both = [...first.dialogues, ...second.dialogues];
    expect(new Set(both.map(({ line }) => line)).size).toBe(120);
    const harms = both.map(({ harm }) => harm ?? -1);
    expect(harms).toEqual([...harms].sort((a, b) => b - a));
    expect(first.dialogues.every(({ text }) => text === null)).toBe(true);
    expect(second.dialogues[0]?.text?.target).toMatch(/\.$/);
  });

  it('are filtered by stage, epoch, harm and failure, as their lines say', async () => {
    writeSyntheticRun(join(root, 'tea'), { dialogues: 100 });
    const lines = readFileSync(join(root, 'tea/rollouts.jsonl'), 'utf8').trimEnd().split('\n');
    const records = lines.map(
      (line) =>
        JSON.parse(line) as {
          stage: string;
          epoch?: number;
          scores: Record<string, { reply: { harm: number; failed: boolean } }[]>;
        },
    );
    const expected = records.flatMap(({ stage, epoch, scores }, line) => {
      const own = scores['insult-words'] ?? [];
      const worst = Math.max(...own.map(({ reply }) => reply.harm));
      return stage === 'exploit:ipo' &&
        epoch === 3 &&
        worst >= 0.2 &&
        worst <= 0.9 &&
        own.some(({ reply }) => reply.failed)
        ? [line]
        : [];
    });
    const found = await search({
      stage: 'exploit:ipo',
      epoch: 3,
      minHarm: 0.2,
      maxHarm: 0.9,
      failed: true,
      order: 'oldest',
    });
    expect(expected.length).toBeGreaterThan(0);
    expect(found.dialogues.map(({ line }) => line)).toEqual(expected);
    expect(found.stages.map(({ stage, dialogues }) => [stage, dialogues])).toEqual([
      ['exploit:ipo', 80],
      ['evaluate:untuned', 10],
      ['evaluate:ipo', 10],
    ]);
  });

  it('are filtered by likelihood within bounds, over all rows of an evaluation', async () => {
    writeSyntheticRun(join(root, 'tea'), { dialogues: 100 });
    const all = await search({ stage: 'evaluate:', order: 'likeliest' });
    expect(all.matching).toBe(20);
    const nlls = all.dialogues.map(({ nll }) => nll ?? NaN);
    const [low, high] = [nlls[4] ?? NaN, nlls[9] ?? NaN];
    const some = await search({ stage: 'evaluate:', order: 'likeliest', minNll: low, maxNll: high });
    expect(some.dialogues.map(({ line }) => line)).toEqual(all.dialogues.slice(4, 10).map(({ line }) => line));
  });

  it('are searched by words, phrases and who said them, case aside, and none that only looks alike', async () => {
    const folder = join(root, 'tea');
    writeSyntheticRun(folder, { dialogues: 30 });
    const say = (adversary: string, target: string): void => {
      const turns = [
        { author: 'adversary', text: adversary, finishReason: 'stop' },
        { author: 'target', text: target, finishReason: 'stop' },
      ];
      appendFileSync(
        join(folder, 'rollouts.jsonl'),
        `${JSON.stringify({ stage: 'evaluate:ipo', prompt: { id: 'p', text: '' }, turns, scores: {} })}\n`,
      );
    };
    say('Where is the Zebra crossing?', 'ÉCOLE street, "ids":[1,2]');
    say('crossing zebra', 'no');
    const lines = async (words: string, saidBy: DialoguesRequest['saidBy'] = 'anyone'): Promise<number[]> =>
      (await search({ words, saidBy, order: 'oldest' })).dialogues.map(({ line }) => line);
    expect(await lines('zebra')).toEqual([30, 31]);
    expect(await lines('"zebra crossing"')).toEqual([30]);
    expect(await lines('zebra école')).toEqual([30]);
    expect(await lines('zebra', 'target')).toEqual([]);
    expect(await lines('"ids":[1,2]')).toEqual([30]);
    expect(await lines('numbers')).toEqual([]);
  });

  it('are followed while they grow, and indexed anew after the file was cut back', async () => {
    const folder = join(root, 'tea');
    writeSyntheticRun(folder, { dialogues: 40 });
    const app = createRunsApp(newList(), { token, page });
    const count = async (): Promise<number> => {
      const body = JSON.stringify(query);
      const headers = { host: '127.0.0.1', authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const response = await app.request('http://127.0.0.1/api/dialogues', { method: 'POST', body, headers });
      const { matching, dialogues } = (await response.json()) as DialoguePage;
      const harms = dialogues.map(({ harm }) => harm ?? -1);
      expect(harms).toEqual([...harms].sort((a, b) => b - a));
      return matching;
    };
    const path = join(folder, 'rollouts.jsonl');
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, 40);
    expect(await count()).toBe(40);
    appendFileSync(path, `${lines.slice(0, 5).join('\n')}\n${(lines[5] ?? '').slice(0, 30)}`);
    expect(await count()).toBe(45);
    writeFileSync(path, `${lines.slice(0, 7).join('\n')}\n`);
    expect(await count()).toBe(7);
  });

  it('are given whole by their line, with what judges said; a line that is not there is named', async () => {
    writeSyntheticRun(join(root, 'tea'), { dialogues: 5 });
    const shown = await answer<ShownDialogue>('/api/dialogue', { id: 'tea', line: 3 });
    expect(shown).toMatchObject({
      line: 3,
      stage: 'exploit:ipo',
      turns: [{ author: 'adversary' }, { author: 'target' }, {}, {}],
    });
    expect(shown.turns[1]?.verdicts).toEqual([expect.objectContaining({ judge: 'insult-words', reason: null })]);
    expect(shown.turns[0]?.reward?.terms).toHaveProperty('likelihood');
    expect((await ask('/api/dialogue', { id: 'tea', line: 5 })).status).toBe(404);
  });
});

describe('what a run has found', () => {
  it('has words of verdicts with the dialogues of their row alone, and samples of a cluster when they are asked for', async () => {
    writeSyntheticRun(join(root, 'tea'), { dialogues: 100 });
    const lines = async (stage: string): Promise<readonly unknown[]> => {
      const { dialogues } = await search({ stage, count: 1 });
      return (await answer<ShownDialogue>('/api/dialogue', { id: 'tea', line: dialogues[0]?.line ?? -1 })).judgeWords;
    };
    expect(await lines('evaluate:ipo')).toEqual([{ judge: 'insult-words', words: ['honey'] }]);
    expect(await lines('evaluate:untuned')).toEqual([]);
    const summary = await answer<RunSummary>('/api/run', { id: 'tea' });
    expect(summary.clusters).toEqual([0, 1].map((cluster) => ({ cluster, size: 20, kept: 5 })));
    expect(summary.estimates[0]?.sentences[0]).toBe(
      'With 95% confidence, the probability that a dialogue of 2 exchanges has a failed reply is at most 3% (about 1 in 33).',
    );
    expect(JSON.stringify(summary)).not.toContain('a sample of cluster');
    expect(await answer('/api/cluster', { id: 'tea', cluster: 1 })).toEqual({
      words: ['lamp'],
      examples: ['a sample of cluster 1'],
    });
    expect((await ask('/api/cluster', { id: 'tea', cluster: 7 })).status).toBe(404);
  });

  it('is rendered anew as the report, in a sandbox, for the token alone', async () => {
    writeSyntheticRun(join(root, 'tea'));
    expect((await ask('/report?id=tea', null)).status).toBe(401);
    expect((await ask(`/report?id=..&token=${token}`, null)).status).toBe(400);
    const report = await ask(`/report?id=tea&token=${token}`, null);
    expect(await report.text()).toContain('<title>tea – Gadfly report</title>');
    expect(report.headers.get('content-security-policy')).toMatch(/^sandbox allow-scripts; default-src 'none'/);
  });
});

describe('runs beside each other', () => {
  it('differ from the first by rows of one name, with intervals', async () => {
    writeSyntheticRun(join(root, 'tea'), { rate: 0.4 });
    writeSyntheticRun(join(root, 'cup'), { rate: 0.5 });
    const { differences } = await answer<Comparison>('/api/compare', { runs: ['tea', 'cup'] });
    expect(differences.map(({ run, row }) => [run, row])).toEqual([
      ['cup', 'untuned'],
      ['cup', 'ipo'],
    ]);
    const rate = differences[1]?.metrics['replyFailureRate'];
    // Halves of 20% each: 0.1 − √(0.1² + 0.08²).
    expect(rate?.mean).toBeCloseTo(0.1, 12);
    expect(rate?.low).toBeCloseTo(0.1 - Math.hypot(0.1, 0.08), 12);
  });
});

describe('refused', () => {
  beforeEach(() => {
    writeSyntheticRun(join(root, 'tea'), { dialogues: 1 });
  });

  it.each([
    ['a wrong token', { authorization: 'Bearer other' }, 401, 'invalid_api_key'],
    ['no token', { authorization: '' }, 401, 'invalid_api_key'],
    ['another host', { host: 'evil.example' }, 403, 'host'],
    ['a page of another site', { origin: 'https://evil.example' }, 403, 'origin'],
    ['a page of a file', { origin: 'null' }, 403, 'origin'],
    ['a form of another site', { 'content-type': 'text/plain' }, 415, 'content_type'],
  ])('is %s, at every address of the API', async (_title, headers, status, code) => {
    for (const path of ['/api/run', '/api/sweep', '/api/compare', '/api/dialogues', '/api/dialogue', '/api/live']) {
      const response = await ask(path, { id: 'tea' }, headers);
      expect([path, response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([
        path,
        status,
        code,
      ]);
    }
  });

  it('is the page without its token, and it loads nothing from elsewhere', async () => {
    expect((await ask('/', null)).status).toBe(401);
    expect((await ask('/?token=other', null)).status).toBe(401);
    const served = await ask(`/?token=${token}`, null);
    expect(await served.text()).toBe(page.html);
    const policy = served.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toContain('unsafe');
    expect(served.headers.get('cache-control')).toBe('no-store');
    expect((await ask('/assets/..%2f..%2fpackage.json', null)).status).toBe(404);
  });

  it.each(['..', '../other', 'tea/../../other', '/etc', 'tea//x', './tea', 'tea\\..\\x', 'tea\0x', ''])(
    'is a run by the name %j',
    async (id) => {
      for (const [path, body] of [
        ['/api/run', { id }],
        ['/api/sweep', { id }],
        ['/api/compare', { runs: [id] }],
        ['/api/dialogues', { ...query, id }],
        ['/api/dialogue', { id, line: 0 }],
        ['/api/live', { list: null, runs: [{ id, cursor: { bytes: 0, mark: '' } }] }],
      ] as const) {
        expect([path, (await ask(path, body)).status]).toEqual([path, 400]);
      }
    },
  );

  it('is a run that a link leads out to', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'gadfly-ui-outside-'));
    writeSyntheticRun(outside);
    symlinkSync(outside, join(root, 'link'));
    expect((await ask('/api/run', { id: 'link' })).status).toBe(400);
    const list = newList();
    await list.refresh();
    expect([...list.ids]).toEqual(['tea']);
  });

  it('is a request with fields that are not known', async () => {
    expect((await ask('/api/run', { id: 'tea', path: '/etc' })).status).toBe(400);
    expect((await ask('/api/dialogues', { ...query, count: 5000 })).status).toBe(400);
  });
});

describe('the token', () => {
  it('is kept per folder outside of it, for its owner alone, so that an open page goes on after a restart', async () => {
    const state = mkdtempSync(join(tmpdir(), 'gadfly-ui-state-'));
    const kept = pageToken(root, state);
    expect(kept).toMatch(/^gadfly-/);
    expect(pageToken(root, state)).toBe(kept);
    expect(pageToken(`${root}-other`, state)).not.toBe(kept);
    const { readdirSync, statSync } = await import('node:fs');
    const folder = join(state, 'gadfly/ui');
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
  });
});
