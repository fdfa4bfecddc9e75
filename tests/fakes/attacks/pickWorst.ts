/** An attack for tests that trains nothing: it tries given utterances with the target and keeps those that fail. Where
 *  it is given none, it asks the recipe's adversary, as it is, for them. */
import { z } from 'zod';
import { defineAttack } from '../../../src/attacks/define.js';
import type { AttackContext, AttackOutcome } from '../../../src/attacks/attack.js';
import { attackKeys } from '../../../src/attacks/attackOptions.js';
import { childKey } from '../../../src/base/random.js';
import type { Adversary } from '../../../src/dialogue/types.js';
import { noWork, speakerWork } from '../../../src/speakers/work.js';

const schema = z.strictObject({
  attack: z.literal('pickWorst'),
  ...attackKeys,
  utterances: z.array(z.string().min(1)).default([]),
});

export const pickWorst = defineAttack({
  summary: 'tries given utterances and keeps those that fail',
  schema,
  needs: ['text'],
  product: 'utterances',
  adversary: 'prompts',
  trainsOnJudge: true,
  traits: () => ({ reward: null, horizon: 1, prompts: [{ set: 'train' }], texts: null, broken: [] }),
  work: ({ utterances }) => ({
    ...noWork,
    target: speakerWork([
      {
        times: 1,
        rows: utterances.length,
        contexts: utterances.length,
        contextTokens: 0,
        readTokens: 0,
        newTokens: utterances.length,
      },
    ]),
  }),
  run: search,
});

async function search(context: AttackContext, { utterances }: z.output<typeof schema>): Promise<AttackOutcome> {
  const { target, judge, join, stream, sink } = context;
  const prompts = context.prompts.train.slice(0, Math.max(1, utterances.length));
  const adversary = utterances.length === 0 ? await context.attacker() : listed(utterances);
  const cast = { adversary, target, judge, join, reward: { reply: 1 } };
  const job = { kind: 'linear', prompts, turns: 1, stream: childKey(stream, 0) } as const;
  const played = (await context.playJobs([job], cast)).flat();
  sink.tries(played, { epoch: 1, step: 0 });
  const ranked = played
    .map(({ dialogue, scores }) => ({ text: dialogue.turns[0]?.text ?? '', harm: scores[0]?.reward?.total ?? 0 }))
    .sort((a, b) => b.harm - a.harm);
  sink.metrics({ tried: played.length, best: ranked[0]?.harm ?? 0 }, { epoch: 1, step: 0 });
  const product = { kind: 'utterances', utterances: ranked.map(({ text }) => text) } as const;
  return { steps: 0, epochs: 1, reason: 'epochs', bestScore: ranked[0]?.harm ?? null, product };
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
