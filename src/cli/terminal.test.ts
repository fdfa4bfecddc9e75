import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../base/packageRoot.js';

const main = `"${process.execPath}" --import tsx src/cli/main.ts`;
const shell = (command: string) => spawnSync('sh', ['-c', command], { cwd: packageRoot(), encoding: 'utf8' });

describe.skipIf(process.platform === 'win32')('the terminal of a process', () => {
  it('a reader that leaves early is no error', () => {
    const { stdout, stderr } = shell(`${main} config schema | head -n 1`);
    expect({ stdout, stderr }).toEqual({ stdout: '{\n', stderr: '' });
  });

  it.skipIf(!existsSync('/dev/full'))('output that cannot be written is an error with exit code 1', () => {
    const { status, stderr } = shell(`${main} config schema > /dev/full`);
    expect(status).toBe(1);
    expect(stderr).toBe('gadfly: stdout: the output cannot be written (ENOSPC)\n');
  });

  it('a signal that is passed on as well is one request to stop, a later one is another', () => {
    const twice = `
      const { systemTerminal } = await import('./src/cli/terminal.ts');
      let requests = 0;
      systemTerminal().onInterrupt(() => void requests++);
      const press = () => {
        process.kill(process.pid, 'SIGINT');
        setTimeout(() => process.kill(process.pid, 'SIGINT'), 5);
        setTimeout(() => process.kill(process.pid, 'SIGTERM'), 10);
      };
      press();
      setTimeout(() => console.log(requests), 600);
      setTimeout(press, 1200);
      setTimeout(() => console.log(requests), 2000);`;
    const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', twice], {
      cwd: packageRoot(),
      encoding: 'utf8',
    });
    expect(stdout).toBe('1\n2\n');
  });

  it('ends at once, as a shell knows it with 130, while another thread is busy', () => {
    const busy = `
      const { Worker } = await import('node:worker_threads');
      const { systemTerminal } = await import('./src/cli/terminal.ts');
      const terminal = systemTerminal();
      terminal.onInterrupt(() => undefined);
      new Worker('for (;;);', { eval: true }).once('online', () => setTimeout(() => terminal.exit(130), 50));`;
    const { status, signal, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', busy],
      { cwd: packageRoot(), encoding: 'utf8' },
    );
    expect({ status, signal, stderr }).toEqual({ status: null, signal: 'SIGINT', stderr: '' });
  });
});
