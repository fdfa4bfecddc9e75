import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { present } from '../../base/invariant.js';
import { streamKey } from '../../base/random.js';
import { pairsFromTrees, splitExchange } from '../pairs.js';
import { promptOf, promptsOf } from '../testing/prompts.js';
import { scriptedAdversary, scriptedJudge, scriptedTarget, thornJudge } from '../testing/scripted.js';
import type { Dialogue, RolloutNode, RolloutTree } from '../types.js';
import { answerUtterances, type RolloutCast } from './exchange.js';
import { replayLinear, rolloutLinear } from './linear.js';
import { type PairedRolloutOptions, rolloutPaired, treeNodes } from './paired.js';

const stream = streamKey(0, 'rollout');

function cast(): RolloutCast & {
  readonly adversary: ReturnType<typeof scriptedAdversary>;
  readonly target: ReturnType<typeof scriptedTarget>;
} {
  return {
    adversary: scriptedAdversary(),
    target: scriptedTarget(),
    judge: thornJudge(),
    reward: { reply: 2, exchange: 0.5, likelihood: 0.1 },
  };
}

/** A judge that never sees two texts alike, so that no two siblings tie. */
const noTies = scriptedJudge(
  (text) => (text.split('').reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 9973, 7) % 9973) / 9973,
);

const textsOf = (dialogue: Dialogue): readonly string[] => dialogue.turns.map(({ text }) => text);

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

describe('paired rollout', () => {
  it('yields a complete binary tree: 2^H − 1 sibling families and 2^(H+1) − 2 exchanges a prompt', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), async (horizon, count) => {
        const trees = await rolloutPaired({ ...cast(), judge: noTies, prompts: promptsOf(count), horizon, stream });
        const { pairs, ties, narrow, unscored } = pairsFromTrees(trees);
        expect(pairs.length + ties + narrow + unscored).toBe(count * (2 ** horizon - 1));
        expect(trees.map((tree) => treeNodes(tree).length)).toEqual(trees.map(() => 2 ** (horizon + 1) - 2));
      }),
      { numRuns: 12 },
    );
  });

  it('gives a prompt the same tree alone, in a batch, and in a batch in another order', async () => {
    const prompts = promptsOf(5);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 1 }), fc.integer(), async (order, seed) => {
        const key = streamKey(seed, 'rollout');
        const all = await rolloutPaired({ ...cast(), prompts, horizon: 3, stream: key });
        const some = await rolloutPaired({
          ...cast(),
          prompts: order.map((i) => prompts[i] ?? promptOf('')),
          horizon: 3,
          stream: key,
        });
        expect(some).toEqual(order.map((i) => all[i]));
      }),
      { numRuns: 10 },
    );
  });

  it('draws other texts for the second occurrence of a prompt in a batch, and for another seed (seed 0 is a seed)', async () => {
    const roll = async (seed: number): Promise<readonly RolloutTree[]> =>
      rolloutPaired({
        ...cast(),
        prompts: [promptOf('a'), promptOf('a')],
        horizon: 2,
        stream: streamKey(seed, 'rollout'),
      });
    const [first, second] = await roll(0);
    expect(second).not.toEqual(first);
    expect(await roll(0)).toEqual([first, second]);
    expect((await roll(1))[0]).not.toEqual(first);
  });

  it('asks each speaker and the judge once a depth, for all prompts together', async () => {
    const players = { ...cast(), judge: thornJudge() };
    await rolloutPaired({ ...players, prompts: promptsOf(3), horizon: 3, stream });
    expect(players.adversary.calls.map((call) => call.length)).toEqual([6, 12, 24]);
    expect(players.target.calls.map((call) => call.length)).toEqual([6, 12, 24]);
    expect(players.judge.calls.map((call) => call.length)).toEqual([18, 36, 72]);
  });

  it('never uses one stream twice', async () => {
    const players = cast();
    await rolloutPaired({ ...players, prompts: promptsOf(3), horizon: 4, stream });
    const keys = [...players.adversary.calls, ...players.target.calls]
      .flat()
      .map((request) => JSON.stringify(request.stream));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('lets siblings share the dialogue before them and children continue their parent', async () => {
    const trees = await rolloutPaired({ ...cast(), prompts: promptsOf(2), horizon: 3, stream });
    const visit = (siblings: readonly RolloutNode[], before: readonly string[], depth: number): void => {
      for (const node of siblings) {
        expect(node.depth).toBe(depth);
        expect(textsOf(splitExchange(node.dialogue).before)).toEqual(before);
        visit(node.children, textsOf(node.dialogue), depth + 1);
      }
    };
    for (const { roots } of trees) visit(roots, [], 1);
  });

  it('leaves its input as it was', async () => {
    const prompts = deepFreeze(promptsOf(3));
    const players = cast();
    const frozen: RolloutCast = {
      ...players,
      adversary: {
        ...players.adversary,
        speak: async (requests) => deepFreeze(await players.adversary.speak(deepFreeze(requests))),
      },
      target: {
        ...players.target,
        reply: async (requests) => deepFreeze(await players.target.reply(deepFreeze(requests))),
      },
    };
    const trees = await rolloutPaired({ ...frozen, prompts, horizon: 3, stream: deepFreeze(stream) });
    const again = await rolloutPaired({ ...cast(), prompts: promptsOf(3), horizon: 3, stream });
    expect(trees).toEqual(again);
    pairsFromTrees(deepFreeze(trees));
  });

  /** Four roots, whose totals differ: all of them, the highest first, and those that the dialogue goes on after. */
  async function branched(
    branch: NonNullable<PairedRolloutOptions['branch']>,
  ): Promise<{ readonly totals: number[]; readonly open: number[] }> {
    const shape = { prompts: promptsOf(1), horizon: 2, candidates: 4, branch };
    const [tree] = await rolloutPaired({ ...cast(), judge: noTies, ...shape, stream });
    const roots = present(tree, 'a tree per prompt').roots;
    const descending = (nodes: readonly RolloutNode[]): number[] =>
      nodes.map(({ score }) => present(score.reward, 'every root is scored').total).sort((a, b) => b - a);
    const totals = descending(roots);
    expect(new Set(totals).size).toBe(4);
    return { totals, open: descending(roots.filter(({ children }) => children.length > 0)) };
  }

  it.each([
    ['both', [0, 3]],
    [2, [0, 3]],
    ['best', [0]],
    [1, [0]],
    [3, [0, 1, 3]],
    [9, [0, 1, 2, 3]],
  ] as const)('with more candidates and branch %j goes on after the roots of rank %j', async (branch, ranks) => {
    const { totals, open } = await branched(branch);
    expect(open).toEqual(ranks.map((rank) => totals[rank]));
  });

  it('with more candidates and branch random goes on after the best or the worst', async () => {
    const { totals, open } = await branched('random');
    expect([[totals[0]], [totals[3]]]).toContainEqual(open);
  });

  it('continues to the horizon when the judge scores nothing', async () => {
    const judge = scriptedJudge(() => null);
    const trees = await rolloutPaired({ ...cast(), judge, prompts: promptsOf(2), horizon: 3, stream });
    expect(pairsFromTrees(trees)).toEqual({ pairs: [], ties: 0, narrow: 0, unscored: 14 });
  });

  it('takes no prompts without asking anyone', async () => {
    const players = cast();
    expect(await rolloutPaired({ ...players, prompts: [], horizon: 2, stream })).toEqual([]);
    expect(players.adversary.calls).toEqual([]);
  });
});

describe('linear rollout', () => {
  it('replayed with the same target, an exchange gets the score it had; with another target, only that differs', async () => {
    const players = cast();
    const prompts = [...promptsOf(4), ...promptsOf(1)];
    const rolled = await rolloutLinear({ ...players, prompts, turns: 3, stream });
    const replay = (target: RolloutCast['target']): ReturnType<typeof replayLinear> =>
      replayLinear(
        rolled.map(({ dialogue }) => dialogue),
        { ...players, target },
        stream,
      );
    expect(await replay(scriptedTarget())).toEqual(rolled.map(({ scores }) => scores));
    const hurt = await replay(scriptedTarget(() => 'thorn'));
    hurt.forEach((scores, i) => {
      scores.forEach((score, turn) => {
        expect(score.reply).toMatchObject({ harm: 1 });
        expect(score.utterance).toEqual(rolled[i]?.scores[turn]?.utterance);
      });
    });
  });

  it('gives each prompt one dialogue of N exchanges with a score each, in one batch a turn', async () => {
    const players = cast();
    const rows = await rolloutLinear({ ...players, prompts: promptsOf(4), turns: 3, stream });
    expect(rows.map(({ dialogue, scores }) => [dialogue.prompt.id, dialogue.turns.length, scores.length])).toEqual(
      promptsOf(4).map(({ id }) => [id, 6, 3]),
    );
    expect(rows[0]?.dialogue.turns.map(({ author }) => author)).toEqual([
      'adversary',
      'target',
      'adversary',
      'target',
      'adversary',
      'target',
    ]);
    expect(players.adversary.calls.map((call) => call.length)).toEqual([4, 4, 4]);
  });

  it('gives a prompt the same dialogue alone and in a batch', async () => {
    const all = await rolloutLinear({ ...cast(), prompts: promptsOf(6), turns: 3, stream });
    for (const [i, prompt] of promptsOf(6).entries()) {
      expect(await rolloutLinear({ ...cast(), prompts: [prompt], turns: 3, stream })).toEqual([all[i]]);
    }
  });

  it('rewards every turn with the weights given for the first', async () => {
    const rows = await rolloutLinear({
      ...cast(),
      judge: scriptedJudge(() => 0.25),
      reward: { reply: 2 },
      prompts: promptsOf(2),
      turns: 4,
      stream,
    });
    expect(rows.flatMap(({ scores }) => scores.map(({ reward }) => reward))).toEqual(
      Array.from({ length: 8 }, () => ({ total: 0.5, terms: { reply: 0.5 } })),
    );
  });

  it('keeps with every utterance how the target that answered it read it, and drops what another target read', async () => {
    const rolled = await rolloutLinear({ ...cast(), prompts: promptsOf(2), turns: 2, stream });
    const utterances = rolled.flatMap(({ dialogue }) => dialogue.turns.filter(({ author }) => author === 'adversary'));
    expect(utterances).toHaveLength(4);
    for (const { text, reading } of utterances)
      expect(reading).toEqual({ logProbs: text.split(' ').map(() => -1), tokens: null });
    const { adversary: _, ...rest } = cast();
    const textOnly = { ...rest, target: scriptedTarget(undefined, { logProbs: null }), reward: { reply: 1 } };
    const { dialogue } = present(rolled[0], 'a rolled dialogue');
    const [again] = await answerUtterances(
      [{ dialogue: { ...dialogue, turns: [] }, stream }],
      dialogue.turns.slice(0, 1),
      textOnly,
    );
    expect(Object.keys(present(again, 'an exchange').dialogue.turns[0] ?? {})).not.toContain('reading');
  });

  it('is the chain of first siblings of the paired rollout under the same stream', async () => {
    const [row] = await rolloutLinear({ ...cast(), prompts: promptsOf(1), turns: 2, stream });
    const [tree] = await rolloutPaired({ ...cast(), prompts: promptsOf(1), horizon: 2, stream });
    expect(row?.dialogue).toEqual(tree?.roots[0]?.children[0]?.dialogue);
  });

  it('shows the target neither goal nor verdict, and each speaker only its own turn to take', async () => {
    const players = cast();
    await rolloutLinear({ ...players, prompts: promptsOf(2), turns: 2, stream });
    for (const request of players.target.calls.flat()) {
      expect(Object.keys(request)).toEqual(['dialogue', 'stream', 'goesOn']);
      expect(request.dialogue.turns.at(-1)?.author).toBe('adversary');
    }
    for (const request of players.adversary.calls.flat())
      expect(request.dialogue.turns.at(-1)?.author ?? 'target').toBe('target');
  });

  it('names the speaker that gives too few turns', async () => {
    const players = cast();
    const mute = { ...players.adversary, speak: async () => [] };
    await expect(
      rolloutLinear({ ...players, adversary: mute, prompts: promptsOf(1), turns: 1, stream }),
    ).rejects.toThrow(/scripted-adversary/u);
  });
});
