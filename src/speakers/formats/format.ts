/** How a speaker sees a dialogue: the token ids that its model continues. Running text keeps the ids that a model of the
 *  same tokenizer has generated; a chat follows its template (docs/decisions/0014). Each format knows where the last
 *  utterance lies. */
import { ConfigError } from '../../base/errors.js';
import type { JoinTurns } from '../../dialogue/join.js';
import type { Author, Dialogue, Utterance } from '../../dialogue/types.js';
import { openingText } from '../../dialogue/views.js';
import type { ChatTemplate } from '../../engine/text/chatTemplate.js';
import type { Tokenizer } from '../../engine/text/tokenizer.js';

export const formatKinds = ['plain', 'lines', 'chat'] as const;
export type FormatKind = (typeof formatKinds)[number];

/** A model reads this before it speaks. */
export interface Context {
  readonly ids: readonly number[];
  /** The place of the dialogue's last utterance in `ids`; null before the first turn. */
  readonly lastUtterance: { readonly start: number; readonly length: number } | null;
  /** Oldest tokens left out to keep within the limit. */
  readonly droppedTokens: number;
  /** Utterances read from their text because their ids belong to another tokenizer or are unknown. */
  readonly retokenised: number;
  /** Utterances of this tokenizer that stand here with other ids than those they were generated with; `chat` only. */
  readonly rewritten: number;
}

export interface SpeakerFormat {
  readonly kind: FormatKind;
  /** @throws ConfigError when the context would be empty: the first token's probability is undefined without a prefix
   */
  readonly context: (dialogue: Dialogue) => Context;
  /** A text that was written elsewhere, as this speaker's next turn of the dialogue begins: with the space or line
   *  break that joins it in running text, as a message of its own in a chat. */
  readonly place: (dialogue: Dialogue, text: string) => string;
  /** A text, placed or said, as the ids of an utterance, ended as this model ends one when it fits into `maxTokens`.
   */
  readonly utterance: (text: string, maxTokens: number) => readonly number[];
  /** Whether what is asked for begins within reasoning, because the template has opened it; `chat` only. */
  readonly opensReasoning?: boolean;
  /** These end an utterance. */
  readonly stop: { readonly stopIds: readonly number[]; readonly stopStrings: readonly string[] };
}

export interface FormatOptions {
  /** Whose turn it is when the format is asked: `chat` and private views look different to the two sides. */
  readonly role: Author;
  readonly tokenizer: Tokenizer;
  readonly chatTemplate: ChatTemplate | null;
  /** Contexts keep their last this many tokens. */
  readonly maxContextTokens: number;
  /** An instruction to the speaker; `chat` only. */
  readonly system?: string;
}

/** A stretch of a context, and whether it is the dialogue's last utterance. */
export interface Segment {
  readonly ids: readonly number[];
  readonly lastUtterance: boolean;
}

/** A text that goes on from other text, as ids. */
export function goingOnIds(tokenizer: Tokenizer, text: string): readonly number[] {
  return tokenizer.encode(text, { addSpecialTokens: false, goesOn: true });
}

/** An utterance's own ids when they mean the same to this tokenizer, its text encoded otherwise; end tokens are
 *  dropped, since they end generation and are no part of what was said. */
export function utteranceIds(
  utterance: Utterance,
  tokenizer: Tokenizer,
): { ids: readonly number[]; retokenised: boolean } {
  const { tokens } = utterance;
  // What was cut from the text is no part of the history.
  if (tokens === null || utterance.reasoning !== undefined || !tokenizer.reads(tokens.tokenizerId)) {
    return { ids: goingOnIds(tokenizer, utterance.text), retokenised: true };
  }
  let length = tokens.ids.length;
  while (length > 0 && tokenizer.endIds.includes(tokens.ids[length - 1] as number)) length--;
  return { ids: tokens.ids.slice(0, length), retokenised: false };
}

interface ContinuationOptions extends FormatOptions {
  /** How the texts of the opening stand together. */
  readonly join: JoinTurns;
  readonly openingIds: (text: string) => readonly number[];
  /** How an utterance's ids stand in the context. */
  readonly asTurn: (ids: readonly number[]) => readonly number[];
}

/** Returns the context of a format without a template: the ids of the side's opening, then each utterance's. */
export function continuedContext({ prompt, turns }: Dialogue, options: ContinuationOptions): Context {
  const { role, tokenizer, maxContextTokens, join, openingIds, asTurn } = options;
  const read = turns.map((turn) => utteranceIds(turn, tokenizer));
  const said = read.map(({ ids }, i): Segment => ({ ids: asTurn(ids), lastUtterance: i === turns.length - 1 }));
  const segments = [{ ids: openingIds(openingText(prompt, role, join)), lastUtterance: false }, ...said];
  const retokenised = read.filter((each) => each.retokenised).length;
  return joinSegments(segments, maxContextTokens, { bosId: tokenizer.bosId, retokenised });
}

/** Joins segments and keeps the last `maxTokens`; a leading begin token survives the cut. */
export function joinSegments(
  segments: readonly Segment[],
  maxTokens: number,
  options: { readonly bosId: number | null; readonly retokenised: number; readonly rewritten?: number },
): Context {
  const all = segments.flatMap((segment) => segment.ids);
  if (all.length === 0) {
    throw new ConfigError('nothing to continue: the dialogue is empty and the tokenizer has no begin token', {
      expected: 'a prompt of at least one token',
      remedy: 'Leave out empty prompts, or use the chat format.',
    });
  }
  const keepsBos = all.length > maxTokens && options.bosId !== null && all[0] === options.bosId;
  const droppedTokens = Math.max(0, all.length - maxTokens);
  const ids = keepsBos ? [all[0] as number, ...all.slice(droppedTokens + 1)] : all.slice(droppedTokens);
  return {
    ids,
    lastUtterance: locate(segments, droppedTokens, maxTokens),
    droppedTokens,
    retokenised: options.retokenised,
    rewritten: options.rewritten ?? 0,
  };
}

function locate(segments: readonly Segment[], droppedTokens: number, maxTokens: number): Context['lastUtterance'] {
  let start = 0;
  for (const segment of segments) {
    if (segment.lastUtterance) {
      if (droppedTokens > 0 && start - droppedTokens < 1) {
        throw new ConfigError('the last utterance alone fills the context', {
          expected: `maxContextTokens above ${segment.ids.length}`,
          got: String(maxTokens),
          remedy: 'Raise maxContextTokens or lower maxNewTokens.',
        });
      }
      return { start: start - droppedTokens, length: segment.ids.length };
    }
    start += segment.ids.length;
  }
  return null;
}
