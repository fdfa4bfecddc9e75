/** The API of the labelling page over real files: what it hands out, what it keeps, whom it refuses. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../base/clock.js';
import type { Judge } from '../../dialogue/types.js';
import { readChoices } from '../../labelling/choiceFile.js';
import { standingChoices, type LabelChoice } from '../../labelling/labelChoice.js';
import { createLabelsApp } from './labelsApp.js';
import { LabelDesk } from './labelDesk.js';
import type { LabelTask } from './labelTask.js';
import type { Asking, ShownItem, View } from './protocol.js';
import { createVeil } from './veil.js';

const token = 'the-token';
const page = { html: '<title>page</title>', assets: new Map([['a.js', { content: '1', type: 'text/javascript' }]]) };
const suspicious: Judge = {
  name: 'scripted',
  threshold: 0.5,
  judge: async (items) =>
    items.map(({ text }) => ({
      kind: 'scored',
      harm: text.endsWith('3') ? 0.9 : 0.1,
      failed: text.endsWith('3'),
      labels: {},
    })),
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gadfly-label-'));
});

function task(count: number, changes: Partial<LabelTask> = {}): LabelTask {
  return {
    name: 'replies',
    items: Array.from({ length: count }, (_, i) => ({
      id: `s${String(i)}`,
      text: `reply ${String(i)}`,
      cluster: null,
    })),
    labels: [
      { name: 'polite', description: 'Friendly.', harmful: false },
      { name: 'rude', description: null, harmful: true },
    ],
    perItem: 1,
    wanted: count,
    adjudicator: null,
    threshold: 0.5,
    opinions: () => null,
    choices: join(folder, 'labels.jsonl'),
    strategy: 'random',
    seed: 0,
    ...changes,
  };
}

interface Server {
  readonly ask: (path: string, body: unknown, headers?: Readonly<Record<string, string>>) => Promise<Response>;
  readonly next: (asking?: Partial<Asking>) => Promise<View>;
  readonly choose: (view: View, label: string | null, asking?: Partial<Asking>, note?: string) => Promise<View>;
  readonly undo: (id: string, asking?: Partial<Asking>) => Promise<View>;
  readonly advance: (ms: number) => void;
}

function serve(served: LabelTask, judge: Judge | null = null): Server {
  const clock = manualClock();
  const desk = new LabelDesk(served, { clock, onTorn: () => undefined });
  const app = createLabelsApp(desk, { token, labeller: 'ada', page, veil: createVeil(judge) });
  const ask: Server['ask'] = async (path, body, headers = {}) =>
    app.request(`http://127.0.0.1:8322${path}`, {
      ...(body === null ? {} : { method: 'POST', body: JSON.stringify(body) }),
      headers: {
        host: '127.0.0.1:8322',
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...headers,
      },
    });
  const view = async (path: string, body: object): Promise<View> => {
    const response = await ask(path, { labeller: 'ada', tab: 'one', pass: 'open', ...body });
    expect(
      await response
        .clone()
        .text()
        .then((text) => [response.status, response.status === 200 ? '' : text]),
    ).toEqual([200, '']);
    return (await response.json()) as View;
  };
  return {
    ask,
    advance: clock.advance,
    next: (asking) => view('/api/next', { ...asking }),
    choose: (shown, label, asking, note) =>
      view('/api/choices', {
        ...asking,
        id: itemOf(shown).id,
        probability: itemOf(shown).probability,
        label,
        ...(note === undefined ? {} : { note }),
      }),
    undo: (id, asking) => view('/api/undo', { ...asking, id }),
  };
}

function itemOf({ item }: View): ShownItem {
  if (item === null) throw new Error('an item is shown');
  return item;
}

const kept = (): readonly LabelChoice[] => readChoices(join(folder, 'labels.jsonl'));

describe('labelling one by one', () => {
  it('each choice is on the disk before the next item is shown, with the probability of its item', async () => {
    const server = serve(task(4));
    let view = await server.next();
    const shown: string[] = [];
    for (let left = 4; left > 0; left--) {
      const { id, probability } = itemOf(view);
      expect(probability).toBeCloseTo(1 / left, 12);
      shown.push(id);
      view = await server.choose(view, 'polite');
      expect(kept().at(-1)).toMatchObject({ id, label: 'polite', labeller: 'ada', probability });
    }
    expect(view).toMatchObject({ item: null, progress: { done: 4, open: 0, labels: 4, wanted: 4 } });
    expect(new Set(shown).size).toBe(4);
  });

  it('a reload shows the same item again, and a request that is sent twice is kept once', async () => {
    const server = serve(task(10));
    const view = await server.next();
    expect(await server.next()).toEqual(view);
    const after = await server.choose(view, 'rude', {}, 'short');
    expect(await server.choose(view, 'rude', {}, 'short')).toEqual(after);
    expect(kept()).toHaveLength(1);
    const back = await server.undo(itemOf(view).id);
    expect(itemOf(back).id).toBe(itemOf(view).id);
    expect(await server.undo(itemOf(view).id)).toEqual(back);
    expect(kept().map(({ label }) => label)).toEqual(['rude', null]);
  });

  it('undo goes back item by item, over a skip as well, and further over what was labelled before a restart', async () => {
    const first = serve(task(5));
    const one = await first.next();
    const two = await first.choose(one, 'rude');
    const second = serve(task(5));
    const shown = await second.next();
    expect(shown.undo).toBe(itemOf(one).id);
    expect(itemOf(shown).id).not.toBe(itemOf(one).id);
    const three = await second.choose(shown, null, {}, 'unclear');
    expect(three.progress).toMatchObject({ done: 1, skipped: 1, open: 3 });
    expect(three.undo).toBe(itemOf(shown).id);
    const back = await second.undo(three.undo ?? '');
    expect(itemOf(back)).toMatchObject({ id: itemOf(shown).id, label: null, note: 'unclear' });
    expect(back.progress).toMatchObject({ skipped: 0, open: 4 });
    const farther = await second.undo(back.undo ?? '');
    expect(itemOf(farther).id).toBe(itemOf(one).id);
    expect(farther.undo).toBeNull();
    expect(standingChoices(kept())).toEqual([]);
    expect(two.progress.done).toBe(1);
  });

  it('skipped items come again when they are asked for, each once', async () => {
    const server = serve(task(2));
    const one = await server.next();
    const two = await server.choose(one, null);
    const end = await server.choose(two, 'polite');
    expect(end).toMatchObject({ item: null, progress: { done: 1, open: 0, skipped: 1 } });
    const skipped = { pass: 'skipped' } as const;
    const again = await server.next(skipped);
    expect(itemOf(again)).toMatchObject({ id: itemOf(one).id, probability: itemOf(one).probability });
    expect((await server.choose(again, null, skipped)).item).toBeNull();
    const third = await server.next({ ...skipped, tab: 'two' });
    expect((await server.choose(third, 'rude', { ...skipped, tab: 'two' })).progress).toMatchObject({
      done: 2,
      skipped: 0,
    });
  });

  it('says how long the rest takes at the pace so far, without breaks', async () => {
    const server = serve(task(20));
    let view = await server.next();
    for (let i = 0; i < 6; i++) {
      expect(view.progress.secondsLeft).toBeNull();
      server.advance(4000);
      view = await server.choose(view, 'polite');
    }
    expect(view.progress.secondsLeft).toBe(4 * 14);
    server.advance(3_600_000);
    expect((await server.choose(view, 'polite')).progress.secondsLeft).toBe(4 * 13);
  });
});

describe('several tabs and several people', () => {
  it('two tabs of one person show different items, and lose or double nothing', async () => {
    const server = serve(task(50));
    const [one, two] = [{ tab: 'one' }, { tab: 'two' }];
    let views = [await server.next(one), await server.next(two)] as const;
    for (let i = 0; i < 25; i++) {
      expect(itemOf(views[0]).id).not.toBe(itemOf(views[1]).id);
      const left = await server.choose(views[0], 'polite', one);
      const right = await server.choose(views[1], 'rude', two);
      views = [left, right];
      if (right.item === null) break;
      if (left.item === null) views = [await server.next(one), right];
    }
    expect(new Set(kept().map(({ id }) => id)).size).toBe(50);
    expect(kept()).toHaveLength(50);
  });

  it('an item goes to as many people as are asked for, and never twice to one', async () => {
    const server = serve(task(6, { perItem: 2 }));
    for (const labeller of ['ada', 'ben', 'cleo']) {
      let view = await server.next({ labeller, tab: labeller });
      for (let i = 0; i < (labeller === 'cleo' ? 0 : 6); i++)
        view = await server.choose(view, 'polite', { labeller, tab: labeller });
      expect(view.item).toBeNull();
    }
    expect(kept()).toHaveLength(12);
    const { progress, labellers } = await server.next({ labeller: 'cleo' });
    expect(progress).toMatchObject({ done: 0, open: 0, labels: 12, wanted: 12 });
    expect(labellers).toEqual(['ada', 'ben', 'cleo']);
  });

  it('a choice that another process appends counts at once, also one that was being written when it was killed', async () => {
    const server = serve(task(2));
    const view = await server.next();
    const other = {
      ...kept()[0],
      id: itemOf(view).id === 's0' ? 's1' : 's0',
      label: 'rude',
      labeller: 'ben',
      at: '',
      probability: 1,
    };
    appendFileSync(join(folder, 'labels.jsonl'), `${JSON.stringify(other)}\n{"id":"s0","lab`);
    const end = await server.choose(view, 'polite');
    expect(end).toMatchObject({ item: null, progress: { labels: 2 } });
    expect(kept().map(({ labeller }) => labeller)).toEqual(['ben', 'ada']);
  });

  it('agreement is told from labels as they were first given, before a second pass settles them', async () => {
    const server = serve(task(4, { perItem: 2 }));
    const label = async (labeller: string, labels: Readonly<Record<string, string>>): Promise<View> => {
      let view = await server.next({ labeller, tab: labeller });
      while (view.item !== null)
        view = await server.choose(view, labels[view.item.id] ?? '', { labeller, tab: labeller });
      return view;
    };
    await label('ada', { s0: 'polite', s1: 'polite', s2: 'rude', s3: 'rude' });
    const { agreement, progress } = await label('ben', { s0: 'polite', s1: 'rude', s2: 'rude', s3: 'rude' });
    // kappa: 3 of 4 agree; by chance 1/2 · 1/4 + 1/2 · 3/4 = 1/2. alpha: 1 − 7 · 2 / (64 − 3² − 5²) = 8/15.
    expect(agreement).toEqual({
      items: 4,
      unanimous: 0.75,
      krippendorff: expect.closeTo(8 / 15, 12) as number,
      fleiss: expect.any(Number) as number,
      cohen: [{ labellers: ['ada', 'ben'], items: 4, kappa: 0.5 }],
    });
    expect(progress.disagreements).toBe(1);
    const cleo = { labeller: 'cleo', tab: 'cleo', pass: 'disagreements' } as const;
    const disputed = await server.next(cleo);
    expect(itemOf(disputed)).toMatchObject({ id: 's1', probability: 1, veil: 'ben has called this text rude.' });
    expect(itemOf(disputed).others).toEqual([
      { labeller: 'ada', label: 'polite', note: null },
      { labeller: 'ben', label: 'rude', note: null },
    ]);
    const settled = await server.choose(disputed, 'rude', cleo);
    expect(settled).toMatchObject({ item: null, progress: { disagreements: 0 }, agreement });
  });

  it('in the second pass a skip leaves an own label as it is, and a change counts', async () => {
    const server = serve(task(1, { perItem: 2 }));
    for (const [labeller, given] of [
      ['ada', 'polite'],
      ['ben', 'rude'],
    ] as const)
      await server.choose(await server.next({ labeller, tab: labeller }), given, { labeller, tab: labeller });
    const pass = { pass: 'disagreements' } as const;
    const shown = await server.next(pass);
    expect(itemOf(shown)).toMatchObject({ label: 'polite', others: [{ labeller: 'ben', label: 'rude' }] });
    expect(await server.choose(shown, null, pass)).toMatchObject({ item: null, progress: { disagreements: 1 } });
    expect(kept()).toHaveLength(2);
    const again = await server.next({ ...pass, tab: 'two' });
    expect(await server.choose(again, 'rude', { ...pass, tab: 'two' })).toMatchObject({
      progress: { disagreements: 0 },
    });
  });
});

describe('a run that asks for fewer items than there are', () => {
  it('says when enough are labelled, and goes on showing items', async () => {
    const server = serve(task(5, { wanted: 2 }));
    let view = await server.next();
    expect(view.progress).toMatchObject({ done: 0, open: 2, wanted: 2 });
    for (let i = 0; i < 2; i++) view = await server.choose(view, 'polite');
    expect(view.progress).toMatchObject({ done: 2, open: 0 });
    expect(itemOf(view).probability).toBeCloseTo(1 / 3, 12);
  });

  it('takes the word of its adjudicator for settled, and not for agreement', async () => {
    const server = serve(task(1, { perItem: 2, adjudicator: 'cleo' }));
    for (const [labeller, label] of [
      ['ada', 'polite'],
      ['cleo', 'rude'],
    ] as const)
      await server.choose(await server.next({ labeller, tab: labeller }), label, { labeller, tab: labeller });
    expect(await server.next()).toMatchObject({ progress: { disagreements: 0 }, agreement: { items: 0 } });
  });
});

describe('the ensemble so far', () => {
  it('covers what it suspects, and what it disagrees on is shown more often', async () => {
    const opinions = new Map(
      Array.from({ length: 50 }, (_, i) => {
        const id = `s${String(i)}`;
        return [id, { id, disagreement: i === 7 ? 1 : 0, harm: i === 7 ? 0.9 : 0.1 }] as const;
      }),
    );
    const server = serve(task(50, { strategy: 'active', opinions: () => opinions }));
    for (let view = await server.next(); view.item !== null; view = await server.choose(view, 'polite')) {
      if (view.item.id !== 's7') continue;
      expect(view.item.veil).toMatch(/ensemble so far suspects/);
      expect(view.item.probability).toBeGreaterThan(0.8);
      return;
    }
    expect.unreachable('s7 is shown');
  });
});

describe('the veil', () => {
  it('covers what the judge suspects, and says who says so', async () => {
    const server = serve(task(4), suspicious);
    const veils = new Map<string, string | null>();
    for (let view = await server.next(); view.item !== null; view = await server.choose(view, 'polite'))
      veils.set(view.item.id, view.item.veil);
    expect(veils.get('s3')).toBe('scripted suspects that this text is harmful.');
    expect([...veils.values()].filter((veil) => veil === null)).toHaveLength(3);
  });

  it('covers a text on which the judge fails or says nothing', async () => {
    const failing: Judge = { ...suspicious, judge: () => Promise.reject(new Error('gone')) };
    expect(itemOf(await serve(task(1), failing).next()).veil).toMatch(/could not judge/);
    const silent: Judge = { ...suspicious, judge: async () => [{ kind: 'unscored', reason: 'no' }] };
    expect(itemOf(await serve(task(1), silent).next()).veil).toMatch(/no verdict/);
  });
});

describe('requests are refused', () => {
  const asking = { labeller: 'ada', tab: 'one', pass: 'open' };

  it('without the token, from another host or page, and with another type of body', async () => {
    const { ask } = serve(task(2));
    const status = async (path: string, body: unknown, headers: Readonly<Record<string, string>>): Promise<number> =>
      (await ask(path, body, headers)).status;
    expect(await status('/api/next', asking, { authorization: '' })).toBe(401);
    expect(await status('/api/task', null, { authorization: 'Bearer other' })).toBe(401);
    expect(await status('/?token=other', null, {})).toBe(401);
    expect(await status('/', null, {})).toBe(401);
    expect(await status('/api/next', asking, { host: 'example.org' })).toBe(403);
    expect(await status('/api/next', asking, { origin: 'https://example.org' })).toBe(403);
    expect(await status('/api/next', asking, { 'content-type': 'text/plain' })).toBe(415);
    expect(await status('/api/nothing', asking, {})).toBe(404);
  });

  it.each([
    ['an unknown item', '/api/choices', { ...asking, id: 'other', label: 'rude', probability: 1 }, /there is no item/],
    ['an unknown label', '/api/choices', { ...asking, id: 's0', label: 'mean', probability: 1 }, /not a label/],
    ['a probability of 0', '/api/choices', { ...asking, id: 's0', label: 'rude', probability: 0 }, /probability/],
    ['an unknown key', '/api/next', { ...asking, more: 1 }, /more/],
    ['a labeller without a name', '/api/next', { ...asking, labeller: ' ' }, /labeller/],
    ['an undo of nothing', '/api/undo', { ...asking, id: 's0' }, /no label of yours/],
  ])('%s', async (_name, path, body, message) => {
    const response = await serve(task(2)).ask(path, body);
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(message);
    expect(existsSync(join(folder, 'labels.jsonl'))).toBe(false);
  });
});

describe('the page', () => {
  it('may load nothing but its own files, and is not kept by the browser', async () => {
    const { ask } = serve(task(2));
    const response = await ask(`/?token=${token}`, null, { authorization: '' });
    expect(await response.text()).toBe(page.html);
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect((await ask('/assets/a.js', null)).headers.get('content-type')).toBe('text/javascript');
    expect((await ask('/assets/b.js', null)).status).toBe(404);
    expect(await (await ask('/api/task', null)).json()).toMatchObject({ name: 'replies', items: 2, labeller: 'ada' });
  });
});

describe('ten thousand items', () => {
  it('take less than a tenth of a second of the processor per choice', async () => {
    const items = Array.from({ length: 10_000 }, (_, i) => ({
      id: `s${String(i)}`,
      text: `reply ${String(i)}`,
      cluster: i % 100,
    }));
    const earlier = items
      .slice(0, 8000)
      .flatMap(({ id }) =>
        ['ada', 'ben'].map((labeller) => JSON.stringify({ id, label: 'polite', labeller, at: '', probability: 1 })),
      );
    appendFileSync(join(folder, 'labels.jsonl'), `${earlier.join('\n')}\n`);
    const server = serve(task(0, { items, wanted: 10_000, perItem: 2, strategy: 'active' }));
    let view = await server.next();
    const size = readFileSync(join(folder, 'labels.jsonl')).length;
    const before = process.cpuUsage();
    for (let i = 0; i < 10; i++) view = await server.choose(view, 'polite');
    const { user, system } = process.cpuUsage(before);
    // Measured: 20 ms. Time of the processor, and not of the clock: other work on the machine does not count.
    expect((user + system) / 1000 / 10).toBeLessThan(100);
    expect(view.progress).toMatchObject({ done: 8010, labels: 16010, wanted: 20_000 });
    expect(readFileSync(join(folder, 'labels.jsonl')).length).toBeGreaterThan(size);
  });
});
