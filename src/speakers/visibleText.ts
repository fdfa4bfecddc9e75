/** Separates what a speaker says from the reasoning that it writes before. A user reads the one, so the one is judged
 *  and stands in the history of later turns; the other is kept in the records. */
import { isBlank } from '../base/blank.js';
import type { Utterance } from '../dialogue/types.js';
import { noReply } from '../remote/noReply.js';

export const reasoningRules = ['cut', 'keep'] as const;
export type ReasoningRule = (typeof reasoningRules)[number];

export interface SplitText {
  readonly text: string;
  /** It is null where there is none. */
  readonly reasoning: string | null;
}

/** The marks that reasoning models write: tags with or without a prefix and attributes, <|begin_of_thought|>, and the
 *  channels of a model whose server shows them. */
const tag =
  /<\|?\/?\|?(?:[a-z]+:)?(?:think|thinking|thoughts?|reasoning)(?:\s[^<>]{0,60})?\|?>|\[\/?THINK\]|◁\/?think▷|<\|(?:begin|end)_of_thought\|>|<\|channel\|>analysis[^<>]{0,40}<\|message\|>|(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final[^<>]{0,40}<\|message\|>/giu;

function endsReasoning(mark: string): boolean {
  return /^(?:[<[◁]\|?\/|<\|end_of)|<\|channel\|>final/iu.test(mark);
}

/** Takes the reasoning out of a text: what stands between a pair of tags, before an end tag without a beginning (its
 *  beginning is often part of the prompt), or after a beginning without an end. Other text stays as it is.
 *  @param opened whether the prompt ends with a beginning tag */
export function splitReasoning(text: string, opened = false): SplitText {
  const said: string[] = [];
  const reasoning: string[] = [];
  let isOpen = opened;
  let at = 0;
  for (const found of text.matchAll(tag)) {
    const piece = text.slice(at, found.index);
    const ends = endsReasoning(found[0]);
    if (ends && !isOpen && reasoning.length === 0) reasoning.push(...said.splice(0), piece);
    else (isOpen ? reasoning : said).push(piece);
    isOpen = !ends;
    at = found.index + found[0].length;
  }
  (isOpen ? reasoning : said).push(text.slice(at));
  if (at === 0 && !opened) return { text, reasoning: null };
  const thoughts = reasoning.map((piece) => piece.trim()).filter((piece) => piece !== '');
  return { text: said.join('').trimStart(), reasoning: thoughts.length === 0 ? null : thoughts.join('\n') };
}

/** Returns whether a prompt leaves the reader within reasoning: its last tag begins it. */
export function opensReasoning(prompt: string): boolean {
  const last = [...prompt.matchAll(tag)].at(-1);
  return last !== undefined && !endsReasoning(last[0]);
}

export type SaidPart = Pick<Utterance, 'text' | 'finishReason' | 'reasoning' | 'noReply'>;

/** Returns the parts of an utterance that say what was said.
 *  @param options.reasoning given apart from the text, as servers do that know the tags
 *  @param options.opened as in `splitReasoning` */
export function saidPart(
  text: string,
  options: {
    readonly rule: ReasoningRule;
    readonly finishReason: Utterance['finishReason'];
    readonly reasoning?: string | null;
    readonly opened?: boolean;
  },
): SaidPart {
  const { rule, finishReason, reasoning = null, opened = false } = options;
  if (rule === 'keep')
    return { text: reasoning === null ? text : `<think>\n${reasoning}\n</think>\n\n${text}`, finishReason };
  const split = splitReasoning(text, opened);
  const thoughts = [reasoning, split.reasoning].filter((piece) => piece !== null).join('\n');
  if (thoughts === '') return { text: split.text, finishReason };
  const cause = finishReason === 'length' ? 'reasoningLimit' : 'reasoningOnly';
  return isBlank(split.text)
    ? { text: '', finishReason, reasoning: thoughts, noReply: noReply(cause).reason }
    : { text: split.text, finishReason, reasoning: thoughts };
}
