/** For tests: a run directory with conversations of Sotopia's form, written for these tests, as an evaluation records
 *  them. */
import { dialogueRecord } from '../../dialogue/records.js';
import { utteranceOf } from '../../dialogue/testing/scripted.js';
import type { ExchangeScore, Verdict } from '../../dialogue/types.js';
import { loadRecipe } from '../../recipe/readRecipe.js';
import { RunDirectory } from '../../runs/runDirectory.js';

const notDue: Verdict = { kind: 'unscored', reason: 'later', notDue: true };
export const ratings = {
  goal: 7.5,
  believability: 9,
  knowledge: 2,
  secret: -1,
  relationship: 1,
  socialRules: 0,
  financial: 0.5,
  mean: 19 / 7,
};

const scoreOf = (reply: Verdict): ExchangeScore => ({
  reply,
  exchange: reply,
  utterance: notDue,
  adversaryNll: null,
  reward: null,
});
const rated = scoreOf({ kind: 'scored', harm: 0.7, failed: false, labels: ratings, ratings });
const silent = scoreOf({ kind: 'unscored', reason: 'no JSON' });

/** Three dialogues: rated on both sides, on one, and on none. */
export function writeSocialRun(folder: string): void {
  const { configuration, source } = loadRecipe('demo');
  const directory = RunDirectory.create(folder, { name: 'social', seed: 0, configuration, source, inputs: [] });
  const record = (id: string, sides: readonly [ExchangeScore, ExchangeScore]) =>
    dialogueRecord(
      {
        prompt: {
          id,
          text: '',
          conversationId: 'e1',
          names: { adversary: 'Ada Lake', target: 'Ben Lake' },
          views: { adversary: { system: 'You are Ada Lake.' }, target: { system: 'You are Ben Lake.' } },
          meta: { environment: 'e1', adversaryAgent: 'a1', targetAgent: 'a2', relationship: 'friend' },
        },
        turns: ['Is there tea?', 'There is.', 'Give me "all" of it.', ''].map((text, i) => ({
          ...utteranceOf(i % 2 === 0 ? 'adversary' : 'target', text),
          ...(text === '' ? { noReply: 'nothing was said' } : {}),
        })),
      },
      Object.fromEntries(
        ['languageModel:x#sotopia', 'languageModel:x#sotopia-partner'].map((judge, i) => [
          judge,
          [scoreOf(notDue), sides[i] ?? silent],
        ]),
      ),
      { stage: 'evaluate:untuned' },
      null,
    );
  directory
    .log('rollouts')
    .append(record('c1', [rated, rated]), record('c2', [rated, silent]), record('c3', [silent, silent]));
  directory.close('done');
}
