/** The flags of shared runs, where nothing is asked of a queue yet. */
import { describe, expect, it } from 'vitest';
import { fakeTerminal, runCli } from './testing/fakeTerminal.js';

describe('a run that is shared out, and its workers, refuse', () => {
  it.each([
    [['worker'], /--queue[^]*no queue is named/],
    [['worker', '--queue', 'http://127.0.0.1:1'], /no address of a queue/],
    [['worker', '--queue', 'redis://127.0.0.1:1', '--queue-password-env', 'NOT_SET'], /holds no password/],
    [['run', 'demo', '--out', 'never', '--store', './weights'], /nobody to share weights with/],
    [['run', 'demo', '--out', 'never', '--queue-password-env', 'NOT_SET'], /no queue is named/],
    [['run', 'demo', '--out', 'never', '--shard', '0'], /at least 1/],
  ])('%j', async (argv, message) => {
    const { code, errors } = await runCli(argv);
    expect([code, errors]).toEqual([2, expect.stringMatching(message)]);
  });

  it('a queue that does not answer with exit code 1, and never show a password', async () => {
    const terminal = { ...fakeTerminal(), environment: { QUEUE_PASSWORD: 'open-sesame' } };
    const url = 'redis://me:from-address@127.0.0.1:1/0';
    const { code, output, errors } = await runCli(
      ['worker', '--queue', url, '--queue-password-env', 'QUEUE_PASSWORD', '--json'],
      terminal,
    );
    expect(code).toBe(1);
    expect(output + errors).toMatch(/the queue does not answer/);
    expect(output + errors).not.toMatch(/open-sesame|from-address/);
  });
});
