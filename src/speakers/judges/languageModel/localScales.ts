/** Reads a rating from a model on this machine as an expectation: after the beginning of an answer, the mean of the whole
 *  numbers of the scale, weighted by their probabilities. Small models write no JSON that can be read, yet they know
 *  which numbers are likely. A number may be several tokens ("-10"), with or without a space before it; one that begins
 *  another one of the scale ("1" and "10") counts without it. */
import { ConfigError } from '../../../base/errors.js';
import { present } from '../../../base/invariant.js';
import type { JudgedItem } from '../../../dialogue/types.js';
import type { LanguageModel } from '../../../engine/models/languageModel.js';
import { scoreCompletions } from '../../../engine/models/scoreCompletions.js';
import type { Tokenizer } from '../../../engine/text/tokenizer.js';
import { leastAnswerShare, probeQuestions, type ScaleAnswer, type Unread } from './judgeReader.js';
import { type JudgeTemplate, type Scale, templateOfScale } from './judgeTemplate.js';
import { askDistinct, type LocalReaderOptions, promptEncoder, type Prompts } from './localPrompts.js';

/** A number of a scale as ids after the beginning of an answer. */
export interface NumberSpelling {
  readonly value: number;
  readonly ids: readonly number[];
}

/** A scale as a model answers on it. */
export interface ScaleReading {
  /** The mean of its numbers by their probabilities; NaN when none has any. */
  readonly mean: number;
  /** Probability of all its numbers together, in [0, 1]. */
  readonly share: number;
}

type ReadScales = (
  questions: readonly JudgedItem[],
  onRead: (promptTokens: number) => void,
) => Promise<readonly (ScaleAnswer | Unread)[]>;

/** @throws ConfigError when the model gives no number of any scale after its prompt */
export async function openScales(
  model: LanguageModel,
  template: JudgeTemplate,
  scales: readonly Scale[],
  options: LocalReaderOptions,
): Promise<ReadScales> {
  const asked = scales.map((scale) => ({
    scale,
    promptOf: promptEncoder(model, templateOfScale(template, scale), options),
    spellings: numberSpellings(model.tokenizer, scale),
  }));

  /** Readings of all scales of a question, question after question: prompts of one question begin alike. */
  const read = (
    questions: readonly JudgedItem[],
    onRead: (promptTokens: number) => void,
  ): Promise<readonly (ScaleReading | Unread)[]> => {
    const encoded = questions.flatMap((question) => asked.map(({ promptOf }) => promptOf(question)));
    const spellingsOf = new Map(
      encoded.flatMap((ids, i) =>
        'unread' in ids ? [] : [[ids.join(' '), present(asked[i % asked.length], 'a scale').spellings] as const],
      ),
    );
    const ask = (prompts: Prompts): Promise<readonly ScaleReading[]> =>
      readNumbers(
        model,
        prompts.map((ids) => ({ ids, spellings: present(spellingsOf.get(ids.join(' ')), 'the scale of each prompt') })),
      );
    return askDistinct(encoded, ask, onRead);
  };

  const probes = await read(probeQuestions, () => undefined);
  const best = Math.max(0, ...probes.map((probe) => ('unread' in probe ? 0 : probe.share)));
  if (best < leastAnswerShare) {
    throw new ConfigError('The judge gives no number of its scales', {
      where: options.where,
      expected: `a number after its prompt, at least ${String(100 * leastAnswerShare)}% of probability`,
      got: `${(100 * best).toFixed(3)}%`,
      remedy: 'Take another model, or an endpoint, whose answer is read as JSON.',
    });
  }
  return async (questions, onRead) => {
    const readings = await read(questions, onRead);
    return questions.map((_, i) => answerOf(scales, readings.slice(i * scales.length, (i + 1) * scales.length)));
  };
}

/** Joins the readings of a question; one that is no answer leaves the question unread. */
function answerOf(scales: readonly Scale[], readings: readonly (ScaleReading | Unread)[]): ScaleAnswer | Unread {
  const ratings: Record<string, number> = {};
  for (const [i, { name, low, high }] of scales.entries()) {
    const reading = present(readings[i], 'a reading of each scale');
    if ('unread' in reading) return reading;
    const { mean, share } = reading;
    if (!(share >= leastAnswerShare)) {
      return {
        unread: `no number from ${String(low)} to ${String(high)} is likely where ${name} is asked for (${(100 * share).toFixed(2)}% together)`,
      };
    }
    ratings[name] = Math.min(high, Math.max(low, mean));
  }
  return { ratings };
}

/** Returns the different ways in which the whole numbers of a scale may follow the beginning of an answer. */
export function numberSpellings(
  tokenizer: Tokenizer,
  { low, high }: Pick<Scale, 'low' | 'high'>,
): readonly NumberSpelling[] {
  const values = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  const spelled = values.flatMap((value) =>
    ['', ' '].map((lead): NumberSpelling => ({
      value,
      ids: tokenizer.encode(`${lead}${String(value)}`, { addSpecialTokens: false, goesOn: true }),
    })),
  );
  return [...new Map(spelled.map((spelling) => [spelling.ids.join(' '), spelling])).values()];
}

async function readNumbers(
  model: LanguageModel,
  prompts: readonly { readonly ids: readonly number[]; readonly spellings: readonly NumberSpelling[] }[],
): Promise<readonly ScaleReading[]> {
  const scores = await scoreCompletions(
    model,
    prompts.flatMap(({ ids, spellings }) => spellings.map((spelling) => ({ prefix: ids, completion: spelling.ids }))),
  );
  let next = 0;
  return prompts.map(({ spellings }) =>
    readScale(
      spellings,
      spellings.map(() =>
        Math.exp(present(scores[next++], 'scores of each number').reduce((sum, each) => sum + each, 0)),
      ),
    ),
  );
}

/** Returns the mean over a scale.
 *  @param probabilities of each spelling as the beginning of what follows: that of "1" holds that of "10" */
export function readScale(spellings: readonly NumberSpelling[], probabilities: readonly number[]): ScaleReading {
  const own = spellings.map(({ ids }, i) => {
    const longer = spellings.reduce(
      (sum, other, k) => (begins(other.ids, ids) ? sum + (probabilities[k] ?? 0) : sum),
      0,
    );
    return Math.max(0, (probabilities[i] ?? 0) - longer);
  });
  const share = own.reduce((sum, each) => sum + each, 0);
  const weighted = spellings.reduce((sum, { value }, i) => sum + value * (own[i] ?? 0), 0);
  return { mean: weighted / share, share: Math.min(1, share) };
}

/** Whether the longer ids begin with the shorter ones, and go on. */
function begins(longer: readonly number[], shorter: readonly number[]): boolean {
  return longer.length > shorter.length && shorter.every((id, i) => longer[i] === id);
}
