/** Multiple choice: which of a question's continuations a model holds likeliest. A guard of ability, for models that
 *  mending has changed. */
import { FormatError } from '../base/errors.js';
import { invariant, present } from '../base/invariant.js';
import { assetPath } from '../base/packageRoot.js';
import { describe } from '../dialogue/datasets/json.js';
import { readRows } from '../dialogue/datasets/rows.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import type { Tokenizer } from '../engine/text/tokenizer.js';
import { isJsonObject } from '../base/json.js';
import type { Metrics } from '../report/report.js';
import type { BootstrapOptions } from '../stats/bootstrap.js';
import { createMetricSummaries, type MetricTable } from '../stats/metricTable.js';
import { wilson } from '../stats/wilson.js';
import { reported } from './reported.js';

export interface ChoiceQuestion {
  /** The choices continue this text. */
  readonly question: string;
  /** Continuations as they follow the question, white space at their beginning included. */
  readonly choices: readonly string[];
  /** Index of the right one. */
  readonly answer: number;
}

export interface ChoiceAnswer {
  /** Index of the choice with the highest mean log-probability per token; the first of equals. */
  readonly picked: number;
  readonly right: boolean;
  /** The same by the sum over its tokens, which favours short choices. */
  readonly pickedBySum: number;
  readonly rightBySum: boolean;
}

/** One answer a question, in order. A choice is scored by log p of its tokens after the question's context, raw model,
 *  without an end token: by their mean, since choices differ in length, and by their sum.
 *  @param contextOf the question as the model reads it; default: its tokens, after the begin token where the tokenizer
 *    puts one
 *  @throws ConfigError when question and choice are longer than the context */
export async function answerChoices(
  model: LanguageModel,
  questions: readonly ChoiceQuestion[],
  contextOf: (question: string) => readonly number[] = textContext(model.tokenizer),
): Promise<readonly ChoiceAnswer[]> {
  const items = questions.flatMap(({ question, choices }) => {
    const prefix = contextOf(question);
    return choices.map((choice) => ({
      prefix,
      completion: model.tokenizer.encode(choice, { addSpecialTokens: false }),
    }));
  });
  const scored = await scoreCompletions(model, items);
  let at = 0;
  return questions.map(({ choices, answer }) => {
    const own = scored.slice(at, (at += choices.length));
    const sums = own.map((logProbs) => logProbs.reduce((sum, value) => sum + value, 0));
    const picked = indexOfMost(sums.map((sum, i) => sum / present(own[i], 'scores of each choice').length));
    const pickedBySum = indexOfMost(sums);
    return { picked, right: picked === answer, pickedBySum, rightBySum: pickedBySum === answer };
  });
}

function textContext(tokenizer: Tokenizer): (question: string) => readonly number[] {
  return (question) => tokenizer.encode(question);
}

function indexOfMost(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value > present(values[best], 'the best value') ? i : best), 0);
}

const choiceMetrics = {
  choiceAccuracy: { unit: 'share', value: ({ right }) => Number(right), isRate: true },
  choiceAccuracyBySum: { unit: 'share', value: ({ rightBySum }) => Number(rightBySum), isRate: true },
} as const satisfies MetricTable<ChoiceAnswer>;

/** `choiceAccuracy` (by mean log-probability per token) and `choiceAccuracyBySum`, with Wilson's intervals: questions
 *  are independent. */
export function summariseChoices(answers: readonly ChoiceAnswer[], level?: number): Metrics {
  const n = answers.length;
  if (n === 0) return {};
  return Object.fromEntries(
    Object.entries(choiceMetrics).map(([name, { value, unit }]) => {
      const { share, low, high } = wilson(
        answers.reduce((sum, answer) => sum + value(answer), 0),
        n,
        level,
      );
      return [name, { mean: share, low, high, n, unit }];
    }),
  );
}

/** The same, after minus before, each question with both its answers. @param after to the same questions in the same
 *  order as `before` */
export function compareChoices(
  after: readonly ChoiceAnswer[],
  before: readonly ChoiceAnswer[],
  bootstrap: BootstrapOptions,
): Metrics {
  invariant(after.length === before.length, 'a comparison has the same questions on both sides');
  const single = (answers: readonly ChoiceAnswer[]): readonly (readonly ChoiceAnswer[])[] =>
    answers.map((answer) => [answer]);
  return reported(createMetricSummaries(bootstrap).compare(choiceMetrics, single(after), single(before)));
}

/** The questions that the package ships: `everyday` for models of English, `organism` for the organism. */
export const shippedChoices = { everyday: 'everyday-choices.json', organism: 'organism-choices.json' } as const;

/** Returns the path of their file. */
export function shippedChoicesPath(name: keyof typeof shippedChoices): string {
  return assetPath('guards', shippedChoices[name]);
}

/** A file of questions: `{ question, choices: [text, …], answer: index }` in a JSON array, JSON lines or Parquet.
 *  @throws FormatError naming the first question that is not as it should be */
export async function readChoices(path: string): Promise<readonly ChoiceQuestion[]> {
  const questions: ChoiceQuestion[] = [];
  for await (const { value, where } of readRows(path)) questions.push(toQuestion(value, where));
  if (questions.length === 0)
    throw new FormatError('There is no question in this file', {
      where: path,
      expected: '{ question, choices: [text, …], answer: index } in a JSON array, JSON lines or Parquet',
      remedy: 'Check measures.choices.',
    });
  return questions;
}

function toQuestion(item: unknown, where: string): ChoiceQuestion {
  const refuse = (expected: string, got: unknown): never => {
    throw new FormatError('This is not a question with choices', { where, expected, got: describe(got) });
  };
  if (!isJsonObject(item)) return refuse('an object with question, choices and answer', item);
  const { question, choices, answer } = item;
  if (typeof question !== 'string' || question === '') return refuse('question: a text', question);
  if (!Array.isArray(choices) || choices.length < 2) return refuse('choices: at least two texts', choices);
  const texts = choices.map((choice, i) =>
    typeof choice === 'string' && choice !== '' ? choice : refuse(`choices[${i}]: a text`, choice),
  );
  if (new Set(texts).size < texts.length) return refuse('choices that differ from each other', choices);
  if (typeof answer !== 'number' || !Number.isInteger(answer) || answer < 0 || answer >= texts.length) {
    return refuse(`answer: the index of the right choice, 0 to ${texts.length - 1}`, answer);
  }
  return { question, choices: texts, answer };
}
