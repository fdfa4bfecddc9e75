/** Whole runs against servers on the loopback that fail in every way: through the real command line. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fakeTerminal, jsonOf, runCli } from '../src/cli/testing/fakeTerminal.js';
import { type Behaviour, chatAnswer, type FakeServer, fakeServer, sendJson } from '../src/remote/testing/fakeServer.js';

let server: FakeServer | null = null;
afterEach(() => server?.close());

const echo: Behaviour = ({ body }, response) => {
  const said = (body['messages'] as { content: string }[]).at(-1)?.content ?? '';
  sendJson(response, chatAnswer(`You said: ${said}`));
};

interface Place {
  readonly recipe: string;
  readonly out: string;
  readonly records: () => readonly Record<string, unknown>[];
  readonly status: () => unknown;
}

async function place(
  behaviour: Behaviour,
  changes: { readonly target?: string; readonly top?: string; readonly remote?: string } = {},
): Promise<Place> {
  server = await fakeServer(behaviour);
  const closed = await fakeServer(behaviour);
  await closed.close();
  const folder = mkdtempSync(join(tmpdir(), 'gadfly-remote-'));
  writeFileSync(
    join(folder, 'list.json'),
    JSON.stringify(Array.from({ length: 24 }, (_, i) => `question number ${i}`)),
  );
  const remote = `retries: 2, concurrency: 2, promptLogProbs: none${changes.remote ?? ''}`;
  writeFileSync(
    join(folder, 'r.yaml'),
    `name: remote
target: ${changes.target ?? `{ model: 'openai:small', baseUrl: '${server.url}', remote: { ${remote} } }`}
adversary: { model: 'prompts:list.json' }
judge: linear-toxicity
stages: [{ evaluate: { turns: 2 } }]
${changes.top ?? ''}`
      .replace('SERVER', server.url)
      .replace('CLOSED', closed.url),
  );
  const out = join(folder, 'out');
  const lines = (): readonly string[] =>
    existsSync(join(out, 'rollouts.jsonl'))
      ? readFileSync(join(out, 'rollouts.jsonl'), 'utf8')
          .split('\n')
          .filter((line) => line !== '')
      : [];
  return {
    recipe: join(folder, 'r.yaml'),
    out,
    records: () => lines().map((line) => JSON.parse(line) as Record<string, unknown>),
    status: () => (JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as { status: unknown }).status,
  };
}

const received = (): number => server?.received.length ?? 0;

describe('a run against an endpoint', () => {
  it('with a list of prompts measures it: each entry opens one dialogue, nothing is unknown but what only likelihood could tell', async () => {
    const { recipe, out, records } = await place(echo);
    const { code } = await runCli(['run', recipe, '--out', out]);
    expect(code).toBe(0);
    expect(received()).toBe(48);
    expect(records()).toHaveLength(24);
    expect(records()[3]).toMatchObject({
      turns: [
        { text: 'question number 3' },
        { text: 'You said: question number 3' },
        { text: 'question number 4' },
        {},
      ],
      scores: { 'linear-toxicity': [{ adversaryNll: null }, {}] },
    });
    const [row] = (
      JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as { rows: { metrics: Record<string, unknown> }[] }
    ).rows;
    expect(row?.metrics).toHaveProperty('replyHarm');
    expect(row?.metrics).not.toHaveProperty('adversaryNll');
    expect(server?.received.every(({ body }) => !('prompt_logprobs' in body))).toBe(true);
    const plan = await runCli([
      'run',
      recipe,
      '--dry-run',
      '--set',
      'target.remote.prices={input: 1, output: 2}',
      '--json',
    ]);
    expect(jsonOf(plan)).toMatchObject({ stages: [{ target: { queries: 48 } }] });
    expect(jsonOf(plan)['price']).toBeGreaterThan(0);
    expect(received()).toBe(48);
  });

  it('that fails half-way keeps what was answered, ends with 1, and goes on without asking or recording twice', async () => {
    let fails = true;
    const { recipe, out, records, status } = await place((request, response, index) => {
      if (!fails || index < 40) return echo(request, response, index);
      if (index % 3 === 0) return sendJson(response, { error: { message: 'broken' } }, 500, { 'retry-after': '0' });
      if (index % 3 === 1) return response.destroy();
      response.writeHead(200);
      response.write('{"choices"');
      return response.destroy();
    });
    const first = await runCli(['run', recipe, '--out', out]);
    expect({ code: first.code, status: status() }).toEqual({ code: 1, status: 'failed' });
    expect(first.errors).toMatch(/\(3 attempts\)/);
    expect(records()).toHaveLength(16);
    const [before, good] = [received(), 40];
    expect(before).toBeLessThanOrEqual(good + 2 * 3);
    fails = false;
    const second = await runCli(['run', '--resume', out]);
    expect({ code: second.code, status: status() }).toEqual({ code: 0, status: 'done' });
    expect(received() - before).toBe(48 - good);
    expect(new Set(records().map(({ prompt }) => (prompt as { id: string }).id)).size).toBe(24);
    expect(records()).toHaveLength(24);
  }, 120_000);

  it('a limit in tokens or dollars ends it with 4, a report of what there is, and it can go on', async () => {
    const { recipe, out, records, status } = await place(echo, {
      remote: ', prices: { input: 1000, output: 1000 }',
      top: 'limits: { maxCost: 0.52 }',
    });
    expect((await runCli(['run', recipe, '--out', out])).code).toBe(4);
    // 13 tokens a question at $0.001: the fortieth reaches 0.52; two may be in flight.
    expect(received()).toBeGreaterThanOrEqual(40);
    expect(received()).toBeLessThanOrEqual(41);
    expect({ status: status(), records: records().length }).toEqual({ status: 'interrupted', records: 16 });
    expect(readFileSync(join(out, 'report.json'), 'utf8')).toContain('ended early');
    // As a version wrote it that did not know the key yet.
    const manifest = join(out, 'manifest.json');
    const kept = JSON.parse(readFileSync(manifest, 'utf8')) as { configuration: { target: { reasoning?: string } } };
    expect(kept.configuration.target.reasoning).toBe('cut');
    delete kept.configuration.target.reasoning;
    writeFileSync(manifest, JSON.stringify(kept));
    expect((await runCli(['run', '--resume', out, '--set', 'limits.maxCost=9'])).code).toBe(0);
    expect(received()).toBe(48);
    expect(records()).toHaveLength(24);
  });

  it('Ctrl-C breaks off what is in flight and ends with 130', async () => {
    const terminal = fakeTerminal();
    const { recipe, out } = await place((request, response, index) => {
      if (index === 5) terminal.interrupt();
      else if (index < 5) echo(request, response, index);
    });
    expect((await runCli(['run', recipe, '--out', out], terminal)).code).toBe(130);
    expect(received()).toBeLessThanOrEqual(7);
  });

  const refusals: readonly (readonly [string, Behaviour, string, number, RegExp, number])[] = [
    ['nothing listens', () => undefined, "{ model: 'openai:small', baseUrl: 'CLOSED' }", 1, /nothing listens/, 0],
    [
      'an empty key',
      () => undefined,
      "{ model: 'openai:small', baseUrl: 'SERVER', apiKeyEnv: GADFLY_TEST_EMPTY }",
      2,
      /GADFLY_TEST_EMPTY/,
      0,
    ],
    [
      'another model',
      (_, response) => sendJson(response, chatAnswer('hi', { model: 'large' })),
      "{ model: 'openai:small', baseUrl: 'SERVER', remote: { promptLogProbs: none, concurrency: 1 } }",
      1,
      /another model answers/,
      1,
    ],
    [
      'a page',
      (_, response) => response.end('<html>'),
      "{ model: 'http:shop', http: { url: 'SERVER', body: { q: '{{utterance}}' }, reply: text }, remote: { concurrency: 1 } }",
      1,
      /not JSON/,
      1,
    ],
  ];
  it.each(refusals)('%s: refused at once, with a message', async (_, behaviour, target, code, message, requests) => {
    const { recipe, out } = await place(behaviour, { target });
    const result = await runCli(['run', recipe, '--out', out]);
    expect({ code: result.code, requests: received() }).toEqual({ code, requests });
    expect(result.errors).toMatch(message);
  });

  it('any JSON service is a target by template and path, its secret header nowhere but on the wire', async () => {
    const target =
      "{ model: 'http:shop', http: { url: 'SERVER', headers: { X-Key: 'k {{env:SHOP}}' }, body: { q: '{{utterance}}', all: '{{messages}}' }, reply: data.0.text } }";
    const { recipe, out, records } = await place(
      ({ body }, response) => sendJson(response, { data: [{ text: `re ${String(body['q'])}` }] }),
      { target },
    );
    expect(
      (await runCli(['run', recipe, '--out', out], fakeTerminal({ environment: { SHOP: 'hush-hush' } }))).code,
    ).toBe(0);
    expect(server?.received[0]).toMatchObject({
      headers: { 'x-key': 'k hush-hush' },
      body: { q: 'question number 0', all: [{ role: 'user', content: 'question number 0' }] },
    });
    expect(records()[0]).toMatchObject({ turns: [{}, { text: 're question number 0' }, {}, {}] });
    for (const file of ['manifest.json', 'rollouts.jsonl', 'report.json'])
      expect(readFileSync(join(out, file), 'utf8')).not.toContain('hush-hush');
  });

  it('an attack whose reward needs likelihood is refused before a prompt is sent, when the server cannot score', async () => {
    const { recipe, out } = await place(echo);
    const text = readFileSync(recipe, 'utf8')
      .replace("{ model: 'prompts:list.json' }", '{ model: organism }')
      .replace(', promptLogProbs: none', '')
      .replace('stages: [', 'prompts: { data: list.json }\nstages: [{ exploit: { attack: ipo, epochs: 1 } }, ');
    writeFileSync(recipe, text);
    const result = await runCli(['run', recipe, '--out', out]);
    expect({ code: result.code, asked: received() }).toEqual({ code: 2, asked: 1 }); // One question to find out.
    expect(result.errors).toMatch(/reward\.likelihood[\s\S]*Set likelihood: 0/);
  });
});

describe('a key', () => {
  const keyed = (env: string): string =>
    `{ model: 'openai:small', baseUrl: 'SERVER', apiKeyEnv: '${env}', remote: { promptLogProbs: none } }`;

  it.each([
    ['in the place of its variable’s name', keyed('sk-leak-0123456789'), {}],
    ['of two lines', keyed('TEST_KEY'), { TEST_KEY: 'sk-leak\n0123456789' }],
    ['in a query', "{ model: 'openai:small', baseUrl: 'SERVER?api_key=sk-leak-0123456789' }", {}],
    ['before the host', "{ model: 'openai:small', baseUrl: 'http://me:sk-leak-0123456789@127.0.0.1:1/v1' }", {}],
    [
      'in a header',
      "{ model: 'http:s', http: { url: 'SERVER', headers: { x-key: sk-leak-0123456789 }, body: { q: '{{text}}' }, reply: a } }",
      {},
    ],
  ])('%s is refused before anything is written or asked, and is not shown', async (_, target, environment) => {
    const { recipe, out } = await place(echo, { target });
    const terminal = fakeTerminal({ environment });
    const { code, output, errors } = await runCli(['run', recipe, '--out', out, '--json'], terminal);
    expect(code).toBe(2);
    expect(output + errors).not.toMatch(/leak|0123456789/);
    expect(existsSync(out)).toBe(false);
    expect(received()).toBe(0);
  });

  it('that the target says back stands in no file of the run', async () => {
    const secret = 'k-7f"3\\A9/zz81';
    const telling: Behaviour = ({ headers }, response) =>
      sendJson(response, chatAnswer(`${headers.authorization ?? ''} ${Buffer.from(secret).toString('base64')}`));
    const { recipe, out, records } = await place(telling, { target: keyed('TEST_KEY') });
    const terminal = fakeTerminal({ environment: { TEST_KEY: secret } });
    const { code } = await runCli(['run', recipe, '--out', out], terminal);
    expect(code).toBe(0);
    expect(records()[0]).toMatchObject({ turns: [{}, { text: 'Bearer [redacted] [redacted]' }, {}, {}] });
    const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    for (const file of files)
      expect(readFileSync(join(file.parentPath, file.name), 'utf8')).not.toMatch(/7f\\*"3|A9\\*\/zz81|Py03ZiIz/);
    expect(files.some(({ parentPath }) => parentPath.includes('answers'))).toBe(true);
  });
});

it('a judge’s word list by its bare name lies beside the recipe', async () => {
  const { recipe, out, records } = await place(echo);
  writeFileSync(join(recipe, '..', 'words.txt'), 'question\n');
  writeFileSync(recipe, readFileSync(recipe, 'utf8').replace('judge: linear-toxicity', 'judge: lexicon:words.txt'));
  const { code } = await runCli(['run', recipe, '--out', out]);
  expect(code).toBe(0);
  expect(records()[0]).toMatchObject({ scores: { 'lexicon:words.txt': [{ reply: { failed: true } }, {}] } });
});

it('a concurrency above 16 is reached', async () => {
  const slow: Behaviour = (_, response) => void setTimeout(() => sendJson(response, chatAnswer('x')), 100);
  const { recipe, out } = await place(slow);
  await runCli(['run', recipe, '--out', out, '--set', 'target.remote.concurrency=24']);
  expect(server?.mostOpen()).toBe(24);
});
