/** `gadfly serve` as a command: what it prints, what it hides, how it ends. */
import { describe, expect, it } from 'vitest';
import { fakeTerminal, jsonOf, runCli, type CliResult, type FakeTerminal } from './testing/fakeTerminal.js';

/** Starts the command, asks, ends it with Ctrl-C. */
async function serving(
  flags: readonly string[],
  environment: Readonly<Record<string, string>>,
  ask: (terminal: FakeTerminal) => Promise<void>,
): Promise<CliResult> {
  const terminal = fakeTerminal({ environment });
  const ended = runCli(['--json', '--threads', '1', 'serve', '--model', 'organism', '--port', '0', ...flags], terminal);
  for (let i = 0; i < 3000 && terminal.output() === ''; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  await ask(terminal);
  terminal.interrupt();
  return ended;
}

interface Started {
  readonly url: string;
  readonly token?: string;
}

const startedOf = (terminal: FakeTerminal): Started => JSON.parse(terminal.output()) as Started;

const status = async (url: string, token?: string): Promise<number> =>
  (await fetch(`${url}/models`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })).status;

describe('gadfly serve', () => {
  it('prints one document with a new token, answers who bears it, and ends with 130 at Ctrl-C', async () => {
    let url = '';
    const result = await serving([], {}, async (terminal) => {
      const document = startedOf(terminal);
      url = document.url;
      expect(document).toMatchObject({ model: 'organism', auth: 'new' });
      expect(await status(url, document.token)).toBe(200);
      expect(await status(url)).toBe(401);
    });
    expect(result.code).toBe(130);
    expect(Object.keys(jsonOf(result))).toEqual(['url', 'model', 'port', 'auth', 'token']);
    await expect(status(url)).rejects.toThrow();
  });

  it('asked to stop while the model is opened, it ends with 130 and never serves', async () => {
    const terminal = fakeTerminal();
    const ended = runCli(['--json', '--threads', '1', 'serve', '--model', 'organism', '--port', '0'], terminal);
    terminal.interrupt();
    const result = await ended;
    expect(result.code).toBe(130);
    expect(jsonOf(result)).toMatchObject({ error: { code: 'interrupted' } });
  });

  it('never shows a token that comes from the environment', async () => {
    const result = await serving(['--token-env', 'MY_TOKEN'], { MY_TOKEN: 'very-secret' }, async (terminal) => {
      const { url } = startedOf(terminal);
      expect(await status(url)).toBe(401);
      expect(await status(url, 'very-secret')).toBe(200);
    });
    expect(jsonOf(result)).not.toHaveProperty('token');
    expect(result.output + result.errors).not.toContain('very-secret');
  });

  it('with --tinker trains in the place of completing, for a key of the form that the SDK asks of keys', async () => {
    const result = await serving(['--tinker'], {}, async (terminal) => {
      const { url, token = '' } = startedOf(terminal);
      expect(token).toMatch(/^tml-/);
      const answer = await fetch(`${url}/api/v1/get_server_capabilities`, { headers: { 'x-api-key': token } });
      expect(await answer.json()).toMatchObject({ supported_models: [{ model_name: 'organism' }] });
    });
    expect(result.code).toBe(130);
  });

  it('asks for no token only when told so, and says what that means', async () => {
    const result = await serving(['--no-auth'], {}, async (terminal) => {
      expect(await status(startedOf(terminal).url)).toBe(200);
    });
    expect(result.errors).toMatch(/every program of this machine may use the model/);
  });
});

describe('gadfly serve refuses', () => {
  it.each([
    [['--token-env', 'NOT_SET'], /holds no token/],
    [['--token-env', 'X', '--no-auth'], /contradict/],
    [['--port', '70000'], /not a port/],
    [['--checkpoints', './x'], /Add --tinker/],
  ])('%j', async (flags, message) => {
    const { code, errors } = await runCli(['serve', '--model', 'organism', ...flags]);
    expect(code).toBe(2);
    expect(errors).toMatch(message);
  });
});
