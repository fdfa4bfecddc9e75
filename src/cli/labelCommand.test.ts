/** `gadfly label` as a command: what it prints, how it ends. Needs the page to be built (`npm test` builds it). */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readChoices } from '../labelling/choiceFile.js';
import type { View } from '../server/labels/protocol.js';
import { fakeTerminal, jsonOf, runCli } from './testing/fakeTerminal.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-label-command-'));
const file = join(folder, 'texts.txt');
writeFileSync(file, 'good morning\na cup of tea\n');

describe('gadfly label', () => {
  it('prints one document, serves its page with the token alone, keeps labels, and ends with 130 at Ctrl-C', async () => {
    const terminal = fakeTerminal();
    const ended = runCli(
      ['--json', 'label', file, '--labels', 'short, long', '--port', '0', '--labeller', 'ada'],
      terminal,
    );
    for (let i = 0; i < 3000 && terminal.output() === ''; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(terminal.output().split('\n')).toHaveLength(2);
    const { url, token } = JSON.parse(terminal.output()) as { readonly url: string; readonly token: string };
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=gadfly-/);
    expect(url).toContain(token);
    expect(await (await fetch(url)).text()).toContain('<script type="module"');
    expect((await fetch(new URL('/', url))).status).toBe(401);
    const ask = async (path: string, body: object): Promise<View> => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const asked = JSON.stringify({ labeller: 'ada', tab: 't', pass: 'open', ...body });
      return (await (await fetch(new URL(path, url), { method: 'POST', headers, body: asked })).json()) as View;
    };
    const { item } = await ask('/api/next', {});
    await ask('/api/choices', { id: item?.id, probability: item?.probability, label: 'long' });
    expect(readChoices(join(folder, 'labels.jsonl'))).toMatchObject([
      { label: 'long', labeller: 'ada', probability: 0.5 },
    ]);
    terminal.interrupt();
    const result = await ended;
    expect(result.code).toBe(130);
    expect(Object.keys(jsonOf(result))).toEqual(['url', 'token']);
    await expect(fetch(url)).rejects.toThrow();
  });

  it.each([
    [['--labels', 'a,,b'], /a label has no name/],
    [['--labels', 'a'], /at least two labels/],
    [['--labels', 'a,b', '--labeller', ' '], /not a name/],
    [['--labels', 'a,b', '--port', '70000'], /not a port/],
    [['--labels', 'a,b', '--judge', 'linear-toxocity'], /Did you mean 'linear-toxicity'/],
  ])('refuses %j', async (flags, message) => {
    const { code, errors } = await runCli(['label', file, ...flags]);
    expect(code).toBe(2);
    expect(errors).toMatch(message);
  });
});
