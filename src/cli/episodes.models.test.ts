/** The package `sotopia` from PyPI opens the episodes that are written, by its own class EpisodeLog. Needs a Python that
 *  has the package (`python -m venv V && V/bin/pip install sotopia`, 94 packages): GADFLY_SOTOPIA_PYTHON names it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from './testing/fakeTerminal.js';
import { ratings, writeSocialRun } from './testing/socialRun.js';

/** The version that was tried. */
const sotopiaVersion = '0.1.5';

const python = process.env['GADFLY_SOTOPIA_PYTHON'] ?? '';
if (python === '')
  console.warn('!! sotopia IS NOT TESTED HERE: GADFLY_SOTOPIA_PYTHON does not name a Python that has it');

describe.skipIf(python === '')(`sotopia ${sotopiaVersion}`, () => {
  it('opens the episodes of a run as its own EpisodeLog, with the rewards of both sides', async () => {
    // A path that leads nowhere is a mistake, not a machine without the package.
    expect(existsSync(python), python).toBe(true);
    const folder = mkdtempSync(join(tmpdir(), 'gadfly-episodes-'));
    try {
      writeSocialRun(join(folder, 'run'));
      const out = join(folder, 'episodes.jsonl');
      expect((await runCli(['episodes', join(folder, 'run'), '--out', out, '--json'])).code).toBe(0);
      const script = resolve(import.meta.dirname, '../../tests/golden/openEpisodes.py');
      const printed = execFileSync(python, [script, out], {
        encoding: 'utf8',
        env: { ...process.env, HOME: folder, SOTOPIA_STORAGE_BACKEND: 'local' },
      });
      const read = JSON.parse(printed.trim().split('\n').at(-1) ?? '') as unknown;
      const reward = [
        ratings.mean,
        expect.objectContaining({ goal: 7.5, social_rules: 0, overall_score: ratings.mean }) as unknown,
      ];
      expect(read).toEqual({
        version: sotopiaVersion,
        episodes: [
          {
            agents: ['a1', 'a2'],
            environment: 'e1',
            rewards: [reward, reward],
            turns: 5,
            said: 'said: "Is there tea?"',
          },
          { agents: ['a1', 'a2'], environment: 'e1', rewards: [reward, 0], turns: 5, said: 'said: "Is there tea?"' },
        ],
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
