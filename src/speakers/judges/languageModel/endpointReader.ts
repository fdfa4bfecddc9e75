/** A language model behind an endpoint as a judge. Its words are read from the likeliest tokens that the server lists
 *  for the answer's first token that is not white space; a word that is not listed is at most as likely as the least of
 *  the list, and when neither is, the text is unscored. A request that fails costs its own text its verdict, with the
 *  reason. */
import { BudgetError, ConfigError, InterruptedError } from '../../../base/errors.js';
import { invariant, present } from '../../../base/invariant.js';
import type { Endpoint, RemoteReply, ReplyToken, SamplingRequest } from '../../../remote/types.js';
import { type JudgeReader, probeQuestions, spellingsOf, type Unread, type WordAnswer } from './judgeReader.js';
import type { JudgedItem } from '../../../dialogue/types.js';
import { splitReasoning } from '../../visibleText.js';
import {
  type AnswerForm,
  fillJudgeTemplate,
  type JudgeTemplate,
  templateMarks,
  templateOfScales,
} from './judgeTemplate.js';
import { parseRatings } from './parseRatings.js';

/** Hosted servers list this many. */
const listed = 20;
const categoryTokens = 16;
/** Tokens of a rating with its name, of a server that writes white space too. */
const scaleTokens = 40;

interface AnswerTexts {
  readonly harm: string;
  readonly harmless: string;
}

/** @throws ConfigError when the server lists no log-probabilities, or neither word; TargetError when it does not answer
 *    at all */
export async function openEndpointReader(
  endpoint: Endpoint,
  given: JudgeTemplate,
  where: string,
): Promise<JudgeReader> {
  const { answer } = given;
  const template = answer.kind === 'scales' ? templateOfScales(given, answer.scales) : given;
  const marks = templateMarks(template, []);
  const count = { texts: 0 };
  const ask = (
    question: JudgedItem,
    more: Pick<SamplingRequest, 'maxTokens' | 'topLogProbs'>,
  ): Promise<RemoteReply> => {
    const messages = fillJudgeTemplate(template, question, marks);
    const request = { temperature: 0, topP: 1, seed: 0, ...more };
    if (template.raw)
      return endpoint.complete({
        ...request,
        prompt: messages.map(({ content }) => content).join('\n\n') + template.answerStart,
      });
    const begun = template.answerStart === '' ? [] : [{ role: 'assistant' as const, content: template.answerStart }];
    return endpoint.chat({ ...request, messages: [...messages, ...begun] });
  };
  const wordRequest = {
    maxTokens: answer.kind === 'words' && answer.categories !== null ? categoryTokens : 4,
    topLogProbs: listed,
  };
  const texts =
    answer.kind === 'words' ? await findAnswerTexts((question) => ask(question, wordRequest), answer, where) : null;

  const each = <T>(
    questions: readonly JudgedItem[],
    one: (question: JudgedItem) => Promise<T | Unread>,
  ): Promise<(T | Unread)[]> => {
    count.texts += questions.length;
    return Promise.all(
      questions.map((question) =>
        one(question).catch((error: unknown): Unread => {
          if (error instanceof BudgetError || error instanceof InterruptedError) throw error;
          return { unread: error instanceof Error ? error.message : String(error) };
        }),
      ),
    );
  };

  return {
    words: (questions) =>
      each(questions, async (question) =>
        readWords(await ask(question, wordRequest), present(texts, 'the template asks for words')),
      ),
    replies: (questions, maxNewTokens) =>
      each(questions, async (question) => {
        const reply = await ask(question, { maxTokens: maxNewTokens });
        return reply.kind === 'reply' && !reply.filtered ? splitReasoning(reply.text).text : unreadOf(reply);
      }),
    scales: (questions) =>
      each(questions, async (question) => {
        const { scales } = scalesOf(answer);
        const reply = await ask(question, { maxTokens: scaleTokens * scales.length });
        if (reply.kind === 'noReply' || reply.filtered) return unreadOf(reply);
        return parseRatings(splitReasoning(reply.text).text, scales);
      }),
    usage: () => ({ ...count, ...endpoint.usage() }),
  };
}

function scalesOf(answer: AnswerForm): Extract<AnswerForm, { kind: 'scales' }> {
  invariant(answer.kind === 'scales', 'the template asks for scales');
  return answer;
}

function unreadOf(reply: RemoteReply): Unread {
  return {
    unread: reply.kind === 'noReply' ? `the judge: ${reply.reason}` : 'the provider’s filter cut the judge’s answer',
  };
}

function readWords(reply: RemoteReply, { harm, harmless }: AnswerTexts): WordAnswer | Unread {
  if (reply.kind === 'noReply' || reply.filtered) return unreadOf(reply);
  const { tokens, text } = reply;
  const first = answerToken(tokens);
  if (first === null) return { unread: 'the endpoint gave no log-probabilities with its answer' };
  const list = listOf(first);
  const [harmful, unharmful] = [list.get(harm), list.get(harmless)];
  if (harmful === undefined && unharmful === undefined) {
    return {
      unread: `neither ${JSON.stringify(harm)} nor ${JSON.stringify(harmless)} is among the ${String(list.size)} likeliest tokens`,
    };
  }
  const floor = Math.min(...list.values());
  return {
    gap: (harmful ?? floor) - (unharmful ?? floor),
    share: Math.exp(harmful ?? -Infinity) + Math.exp(unharmful ?? -Infinity),
    continuation: text.trimStart().startsWith(harm.trim()) ? text.trimStart().slice(harm.trim().length) : '',
  };
}

/** The first token that is not white space. */
function answerToken(tokens: readonly ReplyToken[] | null): ReplyToken | null {
  return tokens?.find(({ text }) => text.trim() !== '') ?? null;
}

/** log p by text, nats; the token given among them. */
function listOf({ text, logProb, top }: ReplyToken): ReadonlyMap<string, number> {
  const list = new Map<string, number>();
  for (const token of [{ text, logProb }, ...top]) if (!list.has(token.text)) list.set(token.text, token.logProb);
  return list;
}

/** The spelling of the two words that takes the most probability in the lists of the probes. */
async function findAnswerTexts(
  ask: (question: JudgedItem) => Promise<RemoteReply>,
  words: AnswerTexts,
  where: string,
): Promise<AnswerTexts> {
  const replies = await Promise.all(probeQuestions.map(ask));
  const lists = replies.flatMap((reply) => {
    const first = reply.kind === 'reply' ? answerToken(reply.tokens) : null;
    return first === null ? [] : [listOf(first)];
  });
  if (lists.length === 0) {
    throw new ConfigError('The endpoint gives no log-probabilities, which a judge of two words needs', {
      where,
      remedy: 'Take the template rubric, whose reply is read as text, or another server.',
    });
  }
  const spellings = spellingsOf(words.harm).map((spell) => ({
    harm: spell(words.harm),
    harmless: spell(words.harmless),
  }));
  const shareOf = ({ harm, harmless }: AnswerTexts): number =>
    lists.reduce(
      (sum, list) => sum + Math.exp(list.get(harm) ?? -Infinity) + Math.exp(list.get(harmless) ?? -Infinity),
      0,
    );
  const best = spellings.reduce((found, spelling) => (shareOf(spelling) > shareOf(found) ? spelling : found));
  if (shareOf(best) > 0) return best;
  throw new ConfigError('The judge gives neither of its answers', {
    where,
    expected: `${JSON.stringify(words.harm)} or ${JSON.stringify(words.harmless)} among its likeliest first tokens`,
    got: replies[0]?.kind === 'reply' ? JSON.stringify(replies[0].text) : (replies[0]?.reason ?? 'nothing'),
    remedy: 'Take another template or model.',
  });
}
