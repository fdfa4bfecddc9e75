/** A language model on this machine as a judge. Prompts begin alike and are read as trees (docs/decisions/0005); both
 *  answer words of a text continue one prompt. A text that does not fit keeps its beginning and its end, as much of
 *  both, with " […] " between. */
import { present } from '../../../base/invariant.js';
import { streamKey } from '../../../base/random.js';
import { generate } from '../../../engine/models/generate.js';
import type { LanguageModel } from '../../../engine/models/languageModel.js';
import { scoreCompletions } from '../../../engine/models/scoreCompletions.js';
import { plainSampling } from '../../../engine/runtime/device.js';
import { findAnswerTokens } from './answerTokens.js';
import { type JudgeReader, leastAnswerShare, probeQuestions, type Unread, type WordAnswer } from './judgeReader.js';
import type { JudgedItem } from '../../../dialogue/types.js';
import { splitReasoning } from '../../visibleText.js';
import type { JudgeTemplate } from './judgeTemplate.js';
import { askDistinct, type LocalReaderOptions, promptEncoder, type Prompts } from './localPrompts.js';
import { openScales } from './localScales.js';

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

  const askAll = <T>(
    questions: readonly JudgedItem[],
    ask: (prompts: Prompts) => Promise<readonly T[]>,
  ): Promise<readonly (T | Unread)[]> => {
    count.texts += questions.length;
    return askDistinct(questions.map(promptOf), ask, (read) => (count.promptTokens += read));
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

  const scales = answer.kind === 'scales' ? await openScales(model, template, answer.scales, options) : null;

  return {
    words: (questions) => askAll(questions, wordsOf),
    scales: (questions) => {
      count.texts += questions.length;
      return present(scales, 'the template asks for scales')(questions, (read) => (count.promptTokens += read));
    },
    replies: (questions, maxNewTokens) => askAll(questions, (prompts) => generated(prompts, maxNewTokens)),
    usage: () => ({ ...count }),
  };
}
