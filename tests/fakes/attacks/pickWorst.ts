/** An attack for tests that trains nothing: it tries given utterances with the target at every test prompt, and keeps the
 *  one that fails most. Where it is given none, it asks the recipe's adversary, as it is, for one. A prompt whose text holds
 *  `leaveOut` is left without a find. */
import { z } from 'zod';
import { defineAttack } from '../../../src/attacks/define.js';
import type { AttackContext, AttackOutcome } from '../../../src/attacks/attack.js';
import { attackKeys } from '../../../src/attacks/attackOptions.js';
import { searchPrompts } from '../../../src/attacks/search/search.js';
import { childKey } from '../../../src/base/random.js';
import type { Adversary } from '../../../src/dialogue/types.js';
import { searchCalls } from '../../../src/speakers/calls.js';
import { noWork, speakerWork } from '../../../src/speakers/work.js';

const schema = z.strictObject({
  attack: z.literal('pickWorst'),
  ...attackKeys,
  utterances: z.array(z.string().min(1)).default([]),
  leaveOut: z.string().nullable().default(null),
});

const noBudget = { targetReplies: null, judgeTexts: null, targetEvaluations: null, targetGradients: null };

export const pickWorst = defineAttack({
  summary: 'tries given utterances and keeps those that fail',
  schema,
  kind: 'search',
  needs: ['text'],
  product: 'finds',
  adversary: 'prompts',
  trainsOnJudge: true,
  traits: () => ({ reward: null, horizon: 1, prompts: [{ set: 'test' }], texts: null, broken: [] }),
  work: ({ utterances }, facts) => ({
    ...noWork,
    target: speakerWork(
      searchCalls(facts, facts.evaluated, [{ rows: Math.max(1, utterances.length), contexts: 1 }]).target,
    ),
  }),
  run: search,
});

async function search(
  context: AttackContext,
  { utterances, leaveOut }: z.output<typeof schema>,
): Promise<AttackOutcome> {
  const { target, judge, join } = context;
  const adversary = utterances.length === 0 ? await context.attacker() : listed(utterances);
  const cast = { adversary, target, judge, join, reward: { reply: 1 } };
  return searchPrompts(context, noBudget, async ({ prompt, stream, tried }) => {
    if (leaveOut !== null && prompt.text.includes(leaveOut))
      return { turns: [], score: null, failed: null, reason: 'left out' };
    const prompts = Array.from({ length: Math.max(1, utterances.length) }, () => prompt);
    const job = { kind: 'linear', prompts, turns: 1, stream: childKey(stream, 0) } as const;
    const played = (await context.playJobs([job], cast)).flat();
    tried(played);
    const [worst] = [...played].sort((a, b) => (b.scores[0]?.reward?.total ?? 0) - (a.scores[0]?.reward?.total ?? 0));
    const [score] = worst?.scores ?? [];
    return {
      turns: worst?.dialogue.turns.slice(0, 1) ?? [],
      score: score?.reward?.total ?? null,
      failed: score?.reply.kind === 'scored' ? score.reply.failed : null,
    };
  });
}

function listed(utterances: readonly string[]): Adversary {
  return {
    name: 'listed',
    speak: async (requests) =>
      requests.map((_, i) => ({
        author: 'adversary',
        text: utterances[i % utterances.length] ?? '',
        tokens: null,
        finishReason: 'stop',
      })),
  };
}
