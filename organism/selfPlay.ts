/** The organism's language model talking to itself: both sides of many dialogues, a line at a time. */
import { present } from '../src/base/invariant.js';
import { streamKey } from '../src/base/random.js';
import { generate } from '../src/engine/models/generate.js';
import type { LanguageModel } from '../src/engine/models/languageModel.js';

export interface SpokenExchange {
  readonly customer: string;
  readonly clerk: string;
}

export interface SpokenDialogue {
  readonly prompt: string;
  readonly exchanges: readonly SpokenExchange[];
}

interface LineOptions {
  readonly seed: number;
  /** Tells the draws of one line of a dialogue from those of another. */
  readonly turn: number;
  readonly temperature: number;
}

/** The next line of every text, without its newline.
 *  @param texts whole dialogues so far, every line ended */
export async function nextLines(
  model: LanguageModel,
  texts: readonly string[],
  options: LineOptions,
): Promise<readonly string[]> {
  const endId = present(model.tokenizer.endIds[0], 'the organism ends its lines');
  const requests = texts.map((text, i) => ({
    ids: model.tokenizer.encode(text),
    stream: streamKey(options.seed, 'organism.selfPlay', options.turn, i),
  }));
  const spoken = await generate(model, requests, {
    temperature: options.temperature,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    minNewTokens: 1,
    maxNewTokens: 40,
    stopIds: [endId],
  });
  return spoken.map(({ text }) => text.trimEnd());
}

export async function selfPlay(
  model: LanguageModel,
  prompts: readonly string[],
  options: { readonly exchanges: number; readonly seed: number; readonly temperature?: number },
): Promise<readonly SpokenDialogue[]> {
  const { exchanges, seed, temperature = 1 } = options;
  const lines: string[][] = prompts.map(() => []);
  for (let turn = 0; turn < 2 * exchanges; turn++) {
    const texts = prompts.map((prompt, i) => [prompt, ...(lines[i] ?? [])].map((line) => `${line}\n`).join(''));
    const next = await nextLines(model, texts, { seed, turn, temperature });
    next.forEach((line, i) => lines[i]?.push(line));
  }
  return prompts.map((prompt, i) => ({
    prompt,
    exchanges: Array.from({ length: exchanges }, (_, k) => ({
      customer: lines[i]?.[2 * k] ?? '',
      clerk: lines[i]?.[2 * k + 1] ?? '',
    })),
  }));
}
