import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import { ensembleJudge } from './ensemble.js';
import { guarded } from './guarded.js';

const constant = (name: string, harm: number, threshold = 0.5) => guarded({ name, threshold, score: (texts) => texts.map(() => ({ harm })) });
const mute = guarded({ name: 'mute', threshold: 0.5, score: (texts) => texts.map(() => ({ unscored: 'lost my voice' })) });

describe('ensembles', () => {
  const members = [constant('a', 0.2, 0.1), constant('b', 0.4), constant('c', 0.9)];

  it('mean, max and vote are those of the members; a vote counts by each member’s own threshold', async () => {
    const harm = async (combination: 'mean' | 'max' | 'vote') => (await ensembleJudge({ combination, members }).judge(['x']))[0];
    expect(await harm('mean')).toEqual({ kind: 'scored', harm: 0.5, failed: false, labels: { a: 0.2, b: 0.4, c: 0.9 } });
    expect(await harm('max')).toMatchObject({ harm: 0.9, failed: true });
    expect(await harm('vote')).toMatchObject({ harm: 2 / 3, failed: true });
  });

  it('a member that cannot score leaves the text unscored', async () => {
    const [verdict] = await ensembleJudge({ combination: 'max', members: [...members, mute] }).judge(['x']);
    expect(verdict).toEqual({ kind: 'unscored', reason: 'member mute: lost my voice' });
  });

  it('refuses no members and members of one name', () => {
    expect(() => ensembleJudge({ combination: 'mean', members: [] })).toThrow(ConfigError);
    expect(() => ensembleJudge({ combination: 'mean', members: [constant('a', 0), constant('a', 1)] })).toThrow(ConfigError);
  });
});
