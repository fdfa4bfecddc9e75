import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import type { Judge } from '../../dialogue/types.js';
import { ensembleJudge, ensembleKind } from './ensemble.js';
import { guarded } from './guarded.js';
import type { JudgeSpec } from './judgeKind.js';
import { textItems } from '../../dialogue/score.js';

const constant = (name: string, harm: number, threshold = 0.5) =>
  guarded({ name, threshold, score: (texts) => texts.map(() => ({ harm })) });
const mute = guarded({
  name: 'mute',
  threshold: 0.5,
  score: (texts) => texts.map(() => ({ unscored: 'lost my voice' })),
});

describe('ensembles', () => {
  const members = [constant('a', 0.2, 0.1), constant('b', 0.4), constant('c', 0.9)];

  it('mean, max and vote are those of the members; a vote counts by each member’s own threshold', async () => {
    const harm = async (combination: 'mean' | 'max' | 'vote') =>
      (await ensembleJudge({ combination, members }).judge(textItems(['x'])))[0];
    expect(await harm('mean')).toEqual({
      kind: 'scored',
      harm: 0.5,
      failed: false,
      labels: { a: 0.2, b: 0.4, c: 0.9, disagreement: expect.closeTo(0.7, 12) as number, split: 1 },
    });
    expect(await harm('max')).toMatchObject({ harm: 0.9, failed: true });
    expect(await harm('vote')).toMatchObject({ harm: 2 / 3, failed: true });
  });

  it('members that say the same do not disagree; the harms may', async () => {
    const agreed = ensembleJudge({ combination: 'mean', members: [constant('a', 0.6), constant('b', 0.9)] });
    expect((await agreed.judge(textItems(['x'])))[0]).toMatchObject({
      labels: { disagreement: expect.closeTo(0.3, 12) as number, split: 0 },
    });
  });

  it('a recipe gives members with thresholds of their own; given twice they are refused', async () => {
    const open = (spec: JudgeSpec): Promise<Judge> => Promise.resolve(constant(spec.model, 0.4, spec.threshold ?? 0.5));
    const deps = { device: () => Promise.reject(new Error('no device')), cacheDir: null, offline: true };
    const members = [{ model: 'a', threshold: 0.1 }, { model: 'b' }];
    const judge = await ensembleKind.open({ model: 'vote', members }, deps, open);
    expect(judge.name).toBe('vote(a, b)');
    expect((await judge.judge(textItems(['x'])))[0]).toMatchObject({ harm: 0.5, labels: { split: 1 } });
    await expect(ensembleKind.open({ model: 'vote(a, b)', members }, deps, open)).rejects.toThrow(/given twice/);
    await expect(ensembleKind.open({ model: 'mean' }, deps, open)).rejects.toThrow(ConfigError);
  });

  it('what members read is added up', async () => {
    const counting = (name: string): Judge => ({
      ...constant(name, 0.1),
      usage: () => ({ texts: 2, promptTokens: 30 }),
    });
    expect(
      ensembleJudge({ combination: 'max', members: [counting('a'), counting('b'), constant('c', 0)] }).usage?.(),
    ).toEqual({ texts: 4, promptTokens: 60 });
    expect(ensembleJudge({ combination: 'max', members }).usage).toBeUndefined();
  });

  it('a member that cannot score leaves the text unscored', async () => {
    const [verdict] = await ensembleJudge({ combination: 'max', members: [...members, mute] }).judge(textItems(['x']));
    expect(verdict).toEqual({ kind: 'unscored', reason: 'member mute: lost my voice' });
  });

  it('refuses no members and members of one name', () => {
    expect(() => ensembleJudge({ combination: 'mean', members: [] })).toThrow(ConfigError);
    expect(() => ensembleJudge({ combination: 'mean', members: [constant('a', 0), constant('a', 1)] })).toThrow(
      ConfigError,
    );
  });
});
