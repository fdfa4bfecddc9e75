/** The prompts of a judge on this machine: a question as ids, cut by rule, and every different prompt asked once, in batches.
 */
import { present } from '../../../base/invariant.js';
import type { JudgedItem } from '../../../dialogue/types.js';
import type { LanguageModel } from '../../../engine/models/languageModel.js';
import { renderedIds } from '../../../engine/text/chatTemplate.js';
import type { Unread } from './judgeReader.js';
import { fillJudgeTemplate, type JudgeTemplate, templateMarks } from './judgeTemplate.js';

export interface LocalReaderOptions {
  readonly tooLong: 'cut' | 'unscored';
  /** Tokens that an answer may take. */
  readonly room: number;
  /** For messages. */
  readonly where: string;
}

export type Prompts = readonly (readonly number[])[];

/** Tokens of the prompts that go to the device together. */
const batchTokens = 8192;
/** And prompts. */
const batchPrompts = 48;

/** Asks every different prompt once; what cannot be asked keeps its reason.
 *  @param onRead is called with the tokens of each batch of prompts */
export async function askDistinct<T>(
  encoded: readonly (readonly number[] | Unread)[],
  ask: (prompts: Prompts) => Promise<readonly T[]>,
  onRead: (promptTokens: number) => void,
): Promise<readonly (T | Unread)[]> {
  const distinct = new Map<string, readonly number[]>();
  const keys = encoded.map((ids) => ('unread' in ids ? null : ids.join(' ')));
  encoded.forEach((ids, i) => {
    const key = keys[i] ?? null;
    if (!('unread' in ids) && key !== null) distinct.set(key, ids);
  });
  const answers = new Map<string, T>();
  for (const batch of batches([...distinct])) {
    const found = await ask(batch.map(([, ids]) => ids));
    batch.forEach(([key], n) => answers.set(key, present(found[n], 'one answer per prompt')));
    onRead(batch.reduce((sum, [, ids]) => sum + ids.length, 0));
  }
  return encoded.map((ids, i) =>
    'unread' in ids ? ids : present(answers.get(keys[i] ?? ''), 'every prompt was asked'),
  );
}

/** A question as the ids of its prompt, cut by the rule of the header, or why it cannot be asked. */
export function promptEncoder(
  model: LanguageModel,
  template: JudgeTemplate,
  { tooLong, room }: LocalReaderOptions,
): (question: JudgedItem) => readonly number[] | Unread {
  const { tokenizer, chatTemplate, contextLength } = model;
  const marks = templateMarks(
    template,
    [...tokenizer.specialIds].map((id) => tokenizer.tokenText(id)),
  );
  const limit = contextLength - room - 4; // 4: white space before an answer.
  const encode = (question: JudgedItem): readonly number[] => {
    const messages = fillJudgeTemplate(template, question, marks);
    if (!template.raw && chatTemplate !== null) {
      const asked = chatTemplate.render(messages, { addGenerationPrompt: true });
      return renderedIds(tokenizer, asked + template.answerStart);
    }
    const text = messages.map(({ content }) => content).join('\n\n');
    return tokenizer.encode(template.raw ? text + template.answerStart : `${text}\n\nAnswer:${template.answerStart}`);
  };
  return (question) => {
    const whole = encode(question);
    if (whole.length <= limit) return whole;
    const tooMuch = {
      unread: `the prompt has ${String(whole.length)} tokens, more than the judge can read (${String(limit)})`,
    };
    if (tooLong === 'unscored') return tooMuch;
    const around = encode(cutQuestion(question, 0)).length;
    let share = (limit - around) / (whole.length - around);
    for (let attempt = 0; attempt < 12 && share > 0; attempt++, share *= 0.9) {
      const ids = encode(cutQuestion(question, share));
      if (ids.length <= limit) return ids;
    }
    return tooMuch;
  };
}

/** Texts lose their middles; goal, background and names, which say what is asked, stay whole. */
function cutQuestion({ text, exchange, ...asked }: JudgedItem, share: number): JudgedItem {
  const cut = (whole: string): string => cutText(whole, share);
  if (exchange === undefined) return { ...asked, text: cut(text) };
  const { utterance, reply, before } = exchange;
  return {
    ...asked,
    text: cut(text),
    exchange: {
      utterance: cut(utterance),
      reply: cut(reply),
      ...(before === undefined ? {} : { before: before.map((turn) => ({ ...turn, text: cut(turn.text) })) }),
    },
  };
}

/** Beginning and end, together this share of the characters. */
function cutText(text: string, share: number): string {
  if (share === 0) return '';
  const characters = Array.from(text);
  const kept = Math.floor((characters.length * share) / 2);
  if (2 * kept >= characters.length) return text;
  return `${characters.slice(0, kept).join('')} […] ${characters.slice(characters.length - kept).join('')}`;
}

function batches(
  prompts: readonly (readonly [string, readonly number[]])[],
): readonly (readonly (readonly [string, readonly number[]])[])[] {
  const out: (readonly [string, readonly number[]])[][] = [];
  let tokens = Infinity;
  for (const prompt of prompts) {
    const length = prompt[1].length;
    const last = out.at(-1);
    if (last === undefined || tokens + length > batchTokens || last.length >= batchPrompts) {
      out.push([prompt]);
      tokens = length;
    } else {
      last.push(prompt);
      tokens += length;
    }
  }
  return out;
}
