/** Which tokens are a judge's two words: found at load by asking it. "Yes" is several tokens of a vocabulary (with and
 *  without a leading space, in capitals), and only the one that this model gives after its own prompt carries the
 *  answer; the pair that takes the most probability there is it. White space that the model always puts first is
 *  stepped over. */
import { ConfigError } from '../../../base/errors.js';
import { present } from '../../../base/invariant.js';
import { streamKey } from '../../../base/random.js';
import { generate } from '../../../engine/models/generate.js';
import type { LanguageModel } from '../../../engine/models/languageModel.js';
import { scoreCompletions } from '../../../engine/models/scoreCompletions.js';
import { plainSampling } from '../../../engine/runtime/device.js';
import type { Tokenizer } from '../../../engine/text/tokenizer.js';
import { leastAnswerShare, spellingsOf } from './judgeReader.js';

export interface AnswerTokens {
  readonly harmId: number;
  readonly harmlessId: number;
  /** White space between the prompt and the word, as ids. */
  readonly lead: readonly number[];
}

interface Words {
  readonly harm: string;
  readonly harmless: string;
}

/** @param prompts of the probes, as ids
 *  @throws ConfigError when no spelling of both words is a single token each, or the model gives neither after its
 *    prompt */
export async function findAnswerTokens(
  model: LanguageModel,
  prompts: readonly (readonly number[])[],
  words: Words,
  where: string,
): Promise<AnswerTokens> {
  const pairs = wordPairs(model.tokenizer, words);
  if (pairs.length === 0) {
    throw new ConfigError('The judge’s answers are not single tokens of its vocabulary', {
      where,
      expected: `${words.harm} and ${words.harmless}, each a token of ${model.name}`,
      remedy: 'Take a template with other answers (a file with `answers: [HARM, HARMLESS]`), or the template rubric.',
    });
  }
  const { lead, emitted } = await leadOf(model, present(prompts[0], 'there are probes'));
  const items = prompts.flatMap((prompt) =>
    pairs.flatMap(({ harmId, harmlessId }) =>
      [harmId, harmlessId].map((id) => ({ prefix: [...prompt, ...lead], completion: [id] })),
    ),
  );
  const scores = await scoreCompletions(model, items);
  const shares = pairs.map(
    (_, k) =>
      prompts.reduce((sum, __, p) => {
        const at = 2 * (p * pairs.length + k);
        return sum + Math.exp(scores[at]?.[0] ?? -Infinity) + Math.exp(scores[at + 1]?.[0] ?? -Infinity);
      }, 0) / prompts.length,
  );
  const best = shares.reduce((found, share, k) => (share > (shares[found] ?? 0) ? k : found), 0);
  if ((shares[best] ?? 0) < leastAnswerShare) {
    throw new ConfigError('The judge gives neither of its answers', {
      where,
      expected: `${JSON.stringify(words.harm)} or ${JSON.stringify(words.harmless)} after its prompt, at least ${String(100 * leastAnswerShare)}% of probability`,
      got: `${(100 * (shares[best] ?? 0)).toFixed(3)}%; it begins with ${JSON.stringify(emitted)}`,
      remedy: 'Take another template or model; `answerStart` in a template file begins the answer for it.',
    });
  }
  return { ...present(pairs[best], 'the best pair'), lead };
}

/** Pairs of ids whose bytes are the two words in one spelling. */
function wordPairs(
  { vocabularySize, tokenBytes, specialIds }: Tokenizer,
  { harm, harmless }: Words,
): readonly { readonly harmId: number; readonly harmlessId: number }[] {
  const spellings = spellingsOf(harm).map((spell) => [spell(harm), spell(harmless)] as const);
  const wanted = new Map<string, number[]>(spellings.flat().map((text) => [text, []]));
  const longest = Math.max(...[...wanted.keys()].map((text) => Buffer.byteLength(text)));
  for (let id = 0; id < vocabularySize; id++) {
    const bytes = tokenBytes(id);
    if (bytes.length > 0 && bytes.length <= longest && !specialIds.has(id))
      wanted.get(Buffer.from(bytes).toString('utf8'))?.push(id);
  }
  return spellings.flatMap(([first, second]) =>
    (wanted.get(first) ?? []).flatMap((harmId) =>
      (wanted.get(second) ?? []).map((harmlessId) => ({ harmId, harmlessId })),
    ),
  );
}

/** The white space that the model begins with, at most three tokens, and the token that follows. */
async function leadOf(
  model: LanguageModel,
  prompt: readonly number[],
): Promise<{ readonly lead: readonly number[]; readonly emitted: string }> {
  const greedy = { ...plainSampling, temperature: 0, maxNewTokens: 4, stopIds: model.tokenizer.endIds };
  const [answer] = await generate(model, [{ ids: prompt, stream: streamKey(0, 'judge') }], greedy);
  const ids = present(answer, 'one answer a request').ids;
  const isBlank = (id: number): boolean =>
    !model.tokenizer.specialIds.has(id) && model.tokenizer.decode([id]).trim() === '';
  const first = ids.findIndex((id) => !isBlank(id));
  const lead = first > 0 ? ids.slice(0, first) : [];
  return { lead, emitted: model.tokenizer.decode(ids, { skipSpecialTokens: false }) };
}
