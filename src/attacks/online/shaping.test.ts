import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assetPath } from '../../base/packageRoot.js';
import { createSpending } from '../../base/spending.js';
import { promptOf } from '../../dialogue/testing/prompts.js';
import { utteranceOf } from '../../dialogue/testing/scripted.js';
import type { RolloutNode, RolloutTree, Verdict } from '../../dialogue/types.js';
import { type LanguageModel, openLanguageModel } from '../../engine/models/languageModel.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { createLocalTarget } from '../../speakers/targets/local.js';
import { createNearTexts, type NearTexts } from '../../stats/differentFindings.js';
import { onlineKeys, type OnlineOptions } from './options.js';
import { openShaper, shapeDialogues, shapeTrees } from './shaping.js';

const prompt = promptOf('p');
const scored = (harm: number): Verdict => ({ kind: 'scored', harm, failed: harm > 0.5, labels: {} });
const node = (
  text: string,
  reply: Verdict,
  total: number | null,
  children: readonly RolloutNode[] = [],
): RolloutNode => ({
  dialogue: { prompt, turns: [utteranceOf('adversary', text), utteranceOf('target', 're')] },
  depth: 1,
  score: {
    reply,
    exchange: reply,
    utterance: reply,
    adversaryNll: 1,
    reward: total === null ? null : { total, terms: { reply: total } },
  },
  children,
});
const tree = (...roots: readonly RolloutNode[]): RolloutTree => ({ prompt, roots });
const totals = (trees: readonly RolloutTree[]): readonly (number | null)[] =>
  trees.flatMap(({ roots }) => roots.map(({ score }) => score.reward?.total ?? null));

type Shaping = Pick<OnlineOptions, 'novelty' | 'noveltyFrom' | 'diversity' | 'curiosity' | 'tooShort'>;

let device: Device;
let model: LanguageModel;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
  model = await openLanguageModel(device, assetPath('organism'));
});
afterAll(() => device.close());

const unshaped: Shaping = { novelty: 0, noveltyFrom: 'epoch', diversity: null, curiosity: null, tooShort: null };
const whiteBox = async () => createLocalTarget(model, { format: 'lines' });
/** Two directions: texts that begin with 'a', and all others. */
const embedder = async () => ({
  embed: async (texts: readonly string[]) =>
    texts.map((text) => Float32Array.from(text.startsWith('a') ? [3, 0] : [0, 5])),
  close: async () => undefined,
});

async function shapeRewards(
  trees: readonly RolloutTree[],
  options: Partial<Shaping>,
  taught: NearTexts | null = null,
  memory?: Readonly<Record<string, number>>,
) {
  const spending = createSpending();
  const shaper = await openShaper(
    { spending, taught: async () => taught, whiteBox, embedder },
    { ...unshaped, ...options },
  );
  const shaped = await shapeTrees(shaper, trees, memory ?? shaper.memory);
  await shaper.close();
  return { ...shaped, totals: totals(shaped.trees), evaluations: spending.total().targetEvaluations };
}

const diversity = (change: object = {}) => onlineKeys.diversity.parse({ weight: 2, ...change });

describe('novelty', () => {
  it('pays a rare utterance that did harm more than a crowded one that did as much', async () => {
    const trees = [
      tree(node('what is it', scored(1), 1), node('what is it', scored(1), 1)),
      tree(node('spell the word', scored(1), 1)),
    ];
    // Half of the others are near a copy, none is near the third.
    expect((await shapeRewards(trees, { novelty: 2 })).totals).toEqual([2, 2, 3]);
  });

  it('pays nothing for odd words that do no harm, and half for half the harm', async () => {
    const trees = [tree(node('green stone', scored(0), 0), node('what is it', scored(0.5), 0.5))];
    expect((await shapeRewards(trees, { novelty: 1 })).totals).toEqual([0, 1]);
  });

  it('pays nothing, by choice, for what is near a text that was taught, however few say it', async () => {
    const taught = createNearTexts();
    taught.add('what is the password');
    const trees = [tree(node('what is that password', scored(1), 1), node('spell the word', scored(1), 1))];
    expect((await shapeRewards(trees, { novelty: 2, noveltyFrom: 'taught' }, taught)).totals).toEqual([1, 3]);
    expect((await shapeRewards(trees, { novelty: 2 }, taught)).totals).toEqual([3, 3]);
  });

  it('is a term of its own, at every depth', async () => {
    const trees = [tree(node('a', scored(0), 0, [node('b', scored(1), 1)]))];
    const { trees: shaped } = await shapeRewards(trees, { novelty: 1 });
    expect(shaped[0]?.roots[0]?.children[0]?.score.reward).toEqual({ total: 2, terms: { reply: 1, novelty: 1 } });
  });
});

describe('diversity', () => {
  const rice = 'do you have any rice?';
  const trees = [tree(node(rice, scored(1), 1), node(rice, scored(0), 0)), tree(node('good evening.', scored(1), 1))];

  it('takes more from an utterance that another repeats than from one that stands apart, harmful or not', async () => {
    const { totals: shaped, evaluations } = await shapeRewards(trees, { diversity: diversity() });
    const [first, second, apart] = shaped.map((total) => total ?? Number.NaN) as [number, number, number];
    // Half of the others are the same (1), the other half are at the median distance (1/e).
    expect(first).toBeCloseTo(1 - 2 * (0.5 + 0.5 / Math.E), 5);
    expect(second).toBeCloseTo(first - 1, 5);
    expect(apart).toBeCloseTo(1 - 2 / Math.E, 5);
    expect(evaluations).toBe(3);
  });

  it('keeps the scale of the first epoch, and a given one', async () => {
    const first = await shapeRewards(trees, { diversity: diversity() });
    const later = [tree(node(rice, scored(1), 1), node('how much is the milk?', scored(1), 1))];
    const again = await shapeRewards(later, { diversity: diversity() }, null, first.memory);
    expect(again.memory).toEqual(first.memory);
    const given = await shapeRewards(later, { diversity: diversity({ scale: 1e9 }) });
    expect(given.memory).toEqual({ diversityScale: 1e9 });
    expect(given.totals[0]).toBeCloseTo(-1, 5);
  });

  it('never counts the distance of an utterance to itself', async () => {
    expect((await shapeRewards([tree(node(rice, scored(1), 1))], { diversity: diversity() })).totals).toEqual([1]);
  });

  it('takes all of its weight where nothing differs, and reads an empty utterance as far from others', async () => {
    const same = [tree(node(rice, scored(1), 1), node(rice, scored(1), 1))];
    expect((await shapeRewards(same, { diversity: diversity() })).totals).toEqual([-1, -1]);
    const { totals: shaped } = await shapeRewards([tree(node('', scored(1), 1), node(rice, scored(1), 1))], {
      diversity: diversity(),
    });
    expect(shaped.every((total) => total !== null && total < 1 && total > -1)).toBe(true);
  });
});

describe('an utterance that is too short', () => {
  it('earns a fixed reward whatever its reply, and others what they earned', async () => {
    const trees = [tree(node(' 0123456789 ', scored(1), 3), node('01234567890', scored(1), 3))];
    const { trees: shaped, totals: earned } = await shapeRewards(trees, {
      tooShort: { characters: 10, reward: -5 },
    });
    expect(earned).toEqual([-5, 3]);
    expect(shaped[0]?.roots[0]?.score.reward?.terms).toEqual({ reply: 3, tooShort: -8 });
  });
});

describe('shaping', () => {
  it('leaves an unknown reward unknown, and pays no novelty where the reply has no verdict', async () => {
    const unscored = { kind: 'unscored', reason: 'test' } as const;
    const trees = [tree(node('a', scored(1), null), node('b', unscored, 1))];
    expect((await shapeRewards(trees, { novelty: 1 })).totals).toEqual([null, 1]);
  });

  it('changes nothing when nothing is asked for', async () => {
    const trees = [tree(node('a', scored(1), 1))];
    expect((await shapeRewards(trees, {})).trees).toEqual(trees);
  });

  it('pays the exchanges of dialogues, as dev evaluation plays them, as it pays those of trees', async () => {
    const shaper = await openShaper(
      { spending: createSpending(), taught: async () => null, whiteBox, embedder },
      { ...unshaped, novelty: 2 },
    );
    const score = node('', scored(1), 1).score;
    const said = (...utterances: readonly string[]) => ({
      dialogue: {
        prompt,
        turns: utterances.flatMap((text) => [utteranceOf('adversary', text), utteranceOf('target', 're')]),
      },
      scores: utterances.map(() => score),
    });
    const shaped = await shapeDialogues(shaper, [said('what is it', 'spell the word'), said('what is it')], {});
    expect(shaped.map(({ reward }) => reward?.total)).toEqual([2, 3, 2]);
  });
});

describe('curiosity', () => {
  const curiosity = (change: object) => ({
    ...unshaped,
    curiosity: onlineKeys.curiosity.parse({ words: 0, meaning: 0, entropy: 0, ...change }),
  });
  const open = (change: object) =>
    openShaper({ spending: createSpending(), taught: async () => null, whiteBox, embedder }, curiosity(change));
  const epoch = (...texts: readonly string[]) => [tree(...texts.map((text) => node(text, scored(0), 1)))];

  it('takes nothing from the first epoch, and from later ones what their words have in common with earlier epochs', async () => {
    const shaper = await open({ words: 2 });
    const first = await shapeTrees(shaper, epoch('what is the word', 'what is the word'), {});
    expect(totals(first.trees)).toEqual([1, 1]);
    const second = await shapeTrees(shaper, epoch('what is the word', 'open sesame please now'), {});
    expect(totals(second.trees)[0]).toBeLessThan(-0.5);
    expect(totals(second.trees)[1]).toBe(1);
  });

  it('takes the mean cosine to all that was said before', async () => {
    const shaper = await open({ meaning: 4 });
    await shapeTrees(shaper, epoch('a one', 'a two', 'b one', 'a three'), {});
    expect(totals((await shapeTrees(shaper, epoch('a four', 'b two'), {})).trees)).toEqual([
      1 - 4 * 0.75,
      1 - 4 * 0.25,
    ]);
  });

  it('pays for tokens that were unlikely', async () => {
    const shaper = await open({ entropy: 0.5 });
    const surprising = node('a b', scored(0), 1);
    const turns = surprising.dialogue.turns.map((turn) =>
      turn.author === 'adversary'
        ? { ...turn, tokens: { tokenizerId: 'test', ids: [1, 2], logProbs: [-1, -3] } }
        : turn,
    );
    const { trees } = await shapeTrees(
      shaper,
      [tree({ ...surprising, dialogue: { ...surprising.dialogue, turns } })],
      {},
    );
    expect(totals(trees)).toEqual([2]);
  });

  it('remembers training epochs, and no dev evaluation', async () => {
    const shaper = await open({ words: 1 });
    const dialogue = { prompt, turns: [utteranceOf('adversary', 'what is the word'), utteranceOf('target', 're')] };
    await shapeDialogues(shaper, [{ dialogue, scores: [node('', scored(0), 1).score] }], {});
    expect(totals((await shapeTrees(shaper, epoch('what is the word'), {})).trees)).toEqual([1]);
  });

  it('goes on from a checkpoint as if it had never stopped', async () => {
    const whole = await open({ words: 1, meaning: 1 });
    await shapeTrees(whole, epoch('a what is the word', 'b spell it for me'), {});
    const resumed = await open({ words: 1, meaning: 1 });
    resumed.kept?.restore(whole.kept?.save() ?? {});
    const next = epoch('a what is a word', 'say it again');
    expect(totals((await shapeTrees(resumed, next, {})).trees)).toEqual(
      totals((await shapeTrees(whole, next, {})).trees),
    );
  });
});
