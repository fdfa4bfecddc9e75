/** The choices of one request: rows of the queue as text that grows token by token, cut before a stop text, with what
 *  each token's log-probability was. What comes out of one choice does not depend on the others. */
import { ConfigError } from '../base/errors.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import type { TokenAlternatives } from '../engine/runtime/device.js';
import type { QueuedRow, RowEvent, RowQueue } from './rowQueue.js';
import { asApiError } from './apiError.js';

export interface ReportedToken {
  readonly id: number;
  /** Nats; null for the first token of a prompt. */
  readonly logProb: number | null;
  readonly alternatives: TokenAlternatives | null;
}

export interface ChoiceDelta {
  /** Index of the choice. */
  readonly index: number;
  /** New text. */
  readonly text: string;
  /** The tokens it is made of; a special one that ended the text is not among them. */
  readonly tokens: readonly ReportedToken[];
  /** Once, in the first delta of a choice whose prompt was scored: all tokens of the prompt. */
  readonly prompt: readonly ReportedToken[] | null;
  readonly finishReason: 'stop' | 'length' | null;
  /** Ids generated so far, the end token included. */
  readonly generated: readonly number[];
}

export interface ChoicesOptions {
  readonly rows: readonly QueuedRow[];
  /** Whether deltas are wanted as they come, or one a choice at its end. */
  readonly stream: boolean;
}

/** Deltas of all choices as they come; ending the iteration early, or aborting, gives the rows up.
 *  @throws ApiError when a row fails */
export async function* runChoices(
  queue: RowQueue,
  { tokenizer }: Pick<LanguageModel, 'tokenizer'>,
  { rows, stream }: ChoicesOptions,
  signal: AbortSignal,
): AsyncGenerator<ChoiceDelta> {
  const inbox: { readonly index: number; readonly event: RowEvent }[] = [];
  let wake = (): void => undefined;
  const choices = rows.map((row, index) => createChoice(row, index, tokenizer, stream));
  signal.throwIfAborted();
  const giveUp = queue.add(
    rows.map((row, index) => ({
      row,
      onEvent: (event) => {
        inbox.push({ index, event });
        wake();
      },
    })),
  );
  const onAbort = (): void => {
    wake();
  };
  signal.addEventListener('abort', onAbort);
  try {
    let open = rows.length;
    while (open > 0) {
      signal.throwIfAborted();
      const next = inbox.shift();
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      if (next.event.kind === 'failed') throw asApiError(next.event.error);
      if (next.event.finishReason !== null) open -= 1;
      const delta = choices[next.index]?.push(next.event) ?? null;
      if (delta !== null) yield delta;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    giveUp();
  }
}

interface Choice {
  /** Returns what can be sent now; null when nothing can. */
  readonly push: (event: RowEvent & { readonly kind: 'step' }) => ChoiceDelta | null;
}

/** Text is held back while it may be the beginning of a stop text or of a character. */
function createChoice(row: QueuedRow, index: number, tokenizer: LanguageModel['tokenizer'], stream: boolean): Choice {
  const { stopIds, stopTexts = [] } = row.sampling;
  const ends = new Set(stopIds);
  const ids: number[] = [];
  /** Tokens whose text was not given yet, each with the length of the text before it. */
  let pending: { readonly token: ReportedToken; readonly start: number }[] = [];
  let text = '';
  let sent = 0;
  let prompt: readonly ReportedToken[] | null = null;
  const readsAlong = stream || stopTexts.length > 0;
  return {
    push({ token, scored, finishReason }) {
      if (scored !== null) prompt = promptTokens(row, scored);
      if (token !== null) {
        ids.push(token.id);
        const isMark = finishReason === 'stop' && ends.has(token.id) && tokenizer.specialIds.has(token.id);
        if (!isMark) pending.push({ token, start: text.length });
        if (readsAlong) text = wholeCharacters(tokenizer.decode(ids));
      }
      if (finishReason === null && !stream) return null;
      if (finishReason !== null) text = tokenizer.decode(ids);
      const cut = Math.min(...stopTexts.map((stop) => text.indexOf(stop)).filter((at) => at >= 0), text.length);
      const end = finishReason === null ? Math.min(cut, text.length - heldBack(text, stopTexts)) : cut;
      if (finishReason === null && end <= sent && prompt === null) return null;
      const given = pending.filter(
        ({ start }) => start < end || (start === end && cut === text.length && finishReason !== null),
      );
      pending = pending.filter((each) => !given.includes(each));
      const delta = {
        index,
        text: text.slice(sent, end),
        tokens: given.map((each) => each.token),
        prompt,
        finishReason,
        generated: [...ids],
      };
      sent = Math.max(sent, end);
      prompt = null;
      return delta;
    },
  };
}

/** Without the replacement characters at the end that stand for a character whose bytes have not all come. */
function wholeCharacters(text: string): string {
  return text.replace(/\uFFFD+$/, '');
}

/** Length of the longest end of the text that a stop text begins with. */
function heldBack(text: string, stopTexts: readonly string[]): number {
  let longest = 0;
  for (const stop of stopTexts) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length;
    }
  }
  return longest;
}

function promptTokens(
  { ids, scoreFrom }: QueuedRow,
  { logProbs, alternatives }: NonNullable<(RowEvent & { kind: 'step' })['scored']>,
): readonly ReportedToken[] {
  if (scoreFrom !== 1 && ids.length > 1) throw new ConfigError('a prompt is scored from its second token on');
  return ids.map((id, i) => ({
    id,
    logProb: i === 0 ? null : (logProbs[i - 1] ?? null),
    alternatives: i === 0 ? null : (alternatives[i - 1] ?? null),
  }));
}
