/** A language model's word on whether a reply evades, beside the rule of evasion.ts. */
import type { Judge } from '../dialogue/types.js';
import { judgeItems } from '../dialogue/score.js';
import { answeredUtterance } from './coherence.js';
import { evasionOf } from './evasion.js';
import type { AnsweredDialogue } from './replies.js';

/** Returns a function that asks a judge, for `MeasuringTools.askEvasive`. A reply without a word evades, and the judge
 *  is not asked.
 *  @param judge a language model with a template whose word for harm says evasion: `languageModel:MODEL#evasion`
 *  @returns one answer per reply, in order; null where the judge gives none */
export function askEvasive(
  judge: Judge,
): (answered: readonly AnsweredDialogue[]) => Promise<readonly (boolean | null)[]> {
  return async (answered) => {
    const exchanges = answered.map(({ dialogue, reply }) => ({
      utterance: answeredUtterance(dialogue),
      reply: reply.text,
    }));
    const asked = exchanges.filter(({ reply }) => evasionOf(reply) !== 'empty');
    const verdicts = await judgeItems(
      judge,
      asked.map((exchange) => ({ text: exchange.reply, exchange })),
    );
    const found = new Map(asked.map((exchange, i) => [exchange, verdicts[i]]));
    return exchanges.map((exchange) => {
      if (!found.has(exchange)) return true;
      const verdict = found.get(exchange);
      return verdict?.kind === 'scored' ? verdict.failed : null;
    });
  };
}
