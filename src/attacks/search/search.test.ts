import { describe, expect, it } from 'vitest';
import {
  scriptedAdversary,
  scriptedJudge,
  scriptedTarget,
  smallTalk,
  thornJudge,
} from '../../dialogue/testing/scripted.js';
import { promptsOf } from '../../dialogue/testing/prompts.js';
import { emptySearchFolder, killedAt, playSearch } from './testing/fakeSearch.js';

/** The target answers with what it heard last, so that the harm of a reply is that of the utterance. */
const echo = () => scriptedTarget(({ dialogue: { turns } }) => turns.at(-1)?.text ?? '');
const cast = () => ({ adversary: scriptedAdversary(), target: echo(), judge: thornJudge() });
const reward = { reply: 1, likelihood: 0 };
const bestOfN = { attack: 'bestOfN', n: 6, reward };
const beam = { attack: 'beam', horizon: 3, width: 2, expand: 3, reward };

describe.each([
  ['bestOfN', bestOfN, 6, 3],
  ['beam', beam, 18, 9],
])('the search %s', (_, options, replies, calls) => {
  it('keeps the best of what it tried at each prompt, with the ids that were said and the cost', async () => {
    const { finds, tries } = await playSearch(options, cast());
    expect(finds.map(({ prompt }) => prompt)).toEqual(['opener 0', 'opener 1', 'opener 2']);
    for (const find of finds) {
      const own = tries.filter(({ dialogue: { dialogue } }) => dialogue.prompt.id === find.prompt);
      const whole = own.filter(({ dialogue }) => dialogue.scores.length === find.turns.length);
      const rewards = whole.map(({ dialogue: { scores } }) => {
        return scores.reduce((sum, { reward: given }) => sum + (given?.total ?? 0), 0) / scores.length;
      });
      expect(find.score).toBeCloseTo(Math.max(...rewards), 12);
      expect(find.turns[0]).toMatchObject({
        author: 'adversary',
        tokenizer: 'words',
        ids: expect.any(Array) as number[],
      });
      expect(find.cost).toEqual({ targetReplies: replies, judgeTexts: 3 * replies });
      expect(find.tries).toBe(replies);
      expect(own.map(({ cost }) => cost?.targetReplies)).toEqual(Array.from({ length: replies }, (_each, i) => i + 1));
    }
  });

  it('spends no more on a prompt than its budget, in the dry run’s names', async () => {
    const { finds } = await playSearch({ ...options, budget: { targetReplies: 4 } }, cast());
    for (const { cost } of finds) expect(cost).toEqual({ targetReplies: 4, judgeTexts: 12 });
    const { finds: none } = await playSearch({ ...options, budget: { judgeTexts: 2 } }, cast());
    for (const find of none)
      expect(find).toMatchObject({ turns: [], score: null, tries: 0, reason: 'the budget allows for no try' });
  });

  it('counts the phrasings that the target scores for the reward to the budget', async () => {
    const prompts = promptsOf(2).map((prompt) => ({ ...prompt, targetString: 'thorn' }));
    const asks = { reward: { ...reward, targetText: 1 }, targetTexts: ['{{target}}', 'a {{target}}'] };
    const { finds } = await playSearch(
      { ...options, ...asks, budget: { targetEvaluations: 5 } },
      { ...cast(), prompts },
    );
    for (const { cost } of finds) expect(cost).toMatchObject({ targetReplies: 2, targetEvaluations: 4 });
  });

  it('killed within a prompt and resumed, leaves what a run never stopped leaves', async () => {
    const whole = emptySearchFolder();
    await playSearch(options, cast(), whole);
    for (let call = 1; call <= calls; call++) {
      const parts = emptySearchFolder();
      const killed = { ...cast(), judge: killedAt(thornJudge(), call) };
      await expect(playSearch(options, killed, parts)).rejects.toThrow('killed');
      await playSearch(options, cast(), parts);
      expect(JSON.stringify(parts)).toBe(JSON.stringify(whole));
    }
  });

  it('says why it found nothing where the judge gives no verdict', async () => {
    const silent = scriptedJudge(() => null);
    const { finds } = await playSearch(options, { ...cast(), judge: silent });
    for (const find of finds)
      expect(find).toMatchObject({ turns: [], score: null, failed: null, reason: 'no try has a verdict' });
  });
});

describe('a beam', () => {
  it('goes on with the best dialogues, each turn of them after the reply before', async () => {
    const { finds, tries } = await playSearch(beam, cast());
    const second = tries.filter(
      ({ dialogue: { scores, dialogue } }) => scores.length === 2 && dialogue.prompt.id === 'opener 0',
    );
    const first = tries.filter(
      ({ dialogue: { scores, dialogue } }) => scores.length === 1 && dialogue.prompt.id === 'opener 0',
    );
    const opened = new Set(second.map(({ dialogue: { dialogue } }) => dialogue.turns[0]?.text));
    const total = ({ dialogue: { scores } }: (typeof first)[number]): number => scores[0]?.reward?.total ?? 0;
    const ranked = [
      ...new Map(
        [...first]
          .sort((a, b) => total(a) - total(b))
          .map((each) => [each.dialogue.dialogue.turns[0]?.text, total(each)]),
      ),
    ];
    expect(opened.size).toBe(2);
    const least = Math.min(...ranked.filter(([text]) => opened.has(text)).map(([, value]) => value));
    const left = ranked.filter(([text]) => !opened.has(text)).map(([, value]) => value);
    expect(Math.max(...left)).toBeLessThanOrEqual(least);
    expect(finds[0]?.turns).toHaveLength(3);
  });

  it('of one exchange is the best of n', async () => {
    const [one, n] = [
      await playSearch(
        { ...beam, horizon: 1, width: 1, expand: 6 },
        { ...cast(), adversary: scriptedAdversary(smallTalk) },
      ),
      await playSearch(bestOfN, cast()),
    ];
    expect(one.finds.map(({ tries, cost }) => [tries, cost])).toEqual(n.finds.map(({ tries, cost }) => [tries, cost]));
  });
});
