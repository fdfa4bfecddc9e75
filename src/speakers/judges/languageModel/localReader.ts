/** A language model on this machine as a judge. Prompts begin alike and are read as trees (docs/decisions/0005); both
 *  answer words of a text continue one prompt. A text that does not fit keeps its beginning and its end, as much of
 *  both, with " […] " between. */
import { present } from '../../../base/invariant.js';
import { streamKey } from '../../../base/random.js';
import { generate } from '../../../engine/models/generate.js';
import type { LanguageModel } from '../../../engine/models/languageModel.js';
import { scoreCompletions } from '../../../engine/models/scoreCompletions.js';
import { plainSampling } from '../../../engine/runtime/device.js';
import { renderedIds } from '../../../engine/text/chatTemplate.js';
import { findAnswerTokens } from './answerTokens.js';
import { type JudgeReader, leastAnswerShare, probeQuestions, type Unread, type WordAnswer } from './judgeReader.js';
import type { JudgedItem } from '../../../dialogue/types.js';
import { splitReasoning } from '../../visibleText.js';
import { fillJudgeTemplate, type JudgeTemplate, templateMarks } from './judgeTemplate.js';

export interface LocalReaderOptions {
  readonly tooLong: 'cut' | 'unscored';
  /** Tokens that an answer may take. */
  readonly room: number;
  /** For messages. */
  readonly where: string;
}

type Prompts = readonly (readonly number[])[];

/** Tokens of the prompts that go to the device together. */
const batchTokens = 8192;
/** And prompts. */
const batchPrompts = 48;
/** Tokens of categories after the word for harm. */
const categoryTokens = 12;

/** @throws ConfigError when the model does not answer in the template's words */
export async function openLocalReader(
  model: LanguageModel,
  template: JudgeTemplate,
  options: LocalReaderOptions,
): Promise<JudgeReader> {
  const { answer } = template;
  const promptOf = promptEncoder(model, template, options);
  const probes = probeQuestions.map(promptOf).filter((ids): ids is readonly number[] => !('unread' in ids));
  const tokens = answer.kind === 'words' ? await findAnswerTokens(model, probes, answer, options.where) : null;
  const count = { texts: 0, promptTokens: 0, generatedTokens: 0 };

  /** Every different prompt once, in batches; what cannot be asked keeps its reason. */
  const askAll = async <T>(
    questions: readonly JudgedItem[],
    ask: (prompts: Prompts) => Promise<readonly T[]>,
  ): Promise<(T | Unread)[]> => {
    const encoded = questions.map(promptOf);
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
      count.promptTokens += batch.reduce((sum, [, ids]) => sum + ids.length, 0);
    }
    count.texts += questions.length;
    return encoded.map((ids, i) =>
      'unread' in ids ? ids : present(answers.get(keys[i] ?? ''), 'every prompt was asked'),
    );
  };

  const generated = async (prompts: Prompts, maxNewTokens: number): Promise<readonly string[]> => {
    const greedy = { ...plainSampling, temperature: 0, maxNewTokens, stopIds: model.tokenizer.endIds };
    const replies = await generate(
      model,
      prompts.map((ids) => ({ ids, stream: streamKey(0, 'judge') })),
      greedy,
    );
    count.generatedTokens += replies.reduce((sum, { ids }) => sum + ids.length, 0);
    return replies.map(({ text }) => splitReasoning(text).text);
  };

  const wordsOf = async (prompts: Prompts): Promise<readonly WordAnswer[]> => {
    const { harmId, harmlessId, lead } = present(tokens, 'the template asks for words');
    const scores = await scoreCompletions(
      model,
      prompts.flatMap((ids) => [harmId, harmlessId].map((id) => ({ prefix: [...ids, ...lead], completion: [id] }))),
    );
    const logProb = (i: number): number => scores[i]?.[0] ?? Number.NaN;
    const bare = prompts.map((_, i): WordAnswer => ({
      gap: logProb(2 * i) - logProb(2 * i + 1),
      share: Math.exp(logProb(2 * i)) + Math.exp(logProb(2 * i + 1)),
      continuation: '',
    }));
    if (answer.kind !== 'words' || answer.categories === null) return bare;
    const harmful = bare.flatMap(({ gap, share }, i) => (gap > 0 && share >= leastAnswerShare ? [i] : []));
    const said =
      harmful.length === 0
        ? []
        : await generated(
            harmful.map((i) => [...present(prompts[i], 'a prompt'), ...lead, harmId]),
            categoryTokens,
          );
    const byIndex = new Map(harmful.map((i, n) => [i, said[n] ?? '']));
    return bare.map((word, i) => ({ ...word, continuation: byIndex.get(i) ?? '' }));
  };

  return {
    words: (questions) => askAll(questions, wordsOf),
    replies: (questions, maxNewTokens) => askAll(questions, (prompts) => generated(prompts, maxNewTokens)),
    usage: () => ({ ...count }),
  };
}

/** A question as the ids of its prompt, cut by the rule of the header, or why it cannot be asked. */
function promptEncoder(
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

/** Texts lose their middles; goal and background, which say what is asked, stay whole. */
function cutQuestion({ text, exchange, goal, background }: JudgedItem, share: number): JudgedItem {
  return {
    text: cutText(text, share),
    ...(exchange === undefined
      ? {}
      : { exchange: { utterance: cutText(exchange.utterance, share), reply: cutText(exchange.reply, share) } }),
    ...(goal === undefined ? {} : { goal }),
    ...(background === undefined ? {} : { background }),
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
