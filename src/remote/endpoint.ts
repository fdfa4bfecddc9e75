/** An OpenAI-compatible endpoint (vLLM, llama.cpp, Ollama, hosted): chat, completions, and log-probabilities of prompts
 *  where offered.
 *
 *  Requests are built by the `openai` client with its own retries, environment variables and headers out of the way:
 *  the address, the key, pacing, retries, the cache and the reading of answers are ours. */
import { type AnswerContext, readChatAnswer, readCompletionAnswer } from './answers.js';
import { failureIn, type PromptRefusal } from './failure.js';
import { readPromptScores, scoringFields, type ScoringDialect } from './promptScores.js';
import { noReply } from './noReply.js';
import { keyFrom, openQuestions, type Question } from './questions.js';
import { createQuirks } from './quirks.js';
import { createRedaction } from './secrets.js';
import { environmentValues } from './template.js';
import type {
  ChatRequest,
  CompletionRequest,
  Endpoint,
  EndpointOptions,
  PromptLogProbsDialect,
  PromptRequest,
  PromptToken,
  RemoteReply,
  SamplingRequest,
} from './types.js';
import { createWire, type EndpointPath, openUrl, requireUrl } from './wire.js';

type Fields = Readonly<Record<string, unknown>>;

/** @throws ConfigError when the address is none or the key's variable is empty; asks nothing yet */
export function openEndpoint(options: EndpointOptions): Endpoint {
  const key = keyFrom(options.apiKeyEnv, options.environment);
  requireUrl(options.baseUrl, 'baseUrl');
  const inUrl = environmentValues(options.baseUrl, options.environment ?? process.env, 'baseUrl');
  const redaction = createRedaction([...(key === null ? [] : [key]), ...Object.values(inUrl)]);
  const wire = createWire(openUrl(options.baseUrl, inUrl, 'baseUrl'), options, key, redaction);
  // As it was written: a key in the address is no part of the question.
  const baseUrl = Object.keys(inUrl).length === 0 ? wire.baseUrl : options.baseUrl;
  const questions = openQuestions(options);
  const names = options.servedAs === undefined ? [options.model] : [options.servedAs];
  const notice = onceEach(options.onNotice ?? (() => undefined));
  const quirks = createQuirks(notice);

  const ask = async <T>(path: EndpointPath, fields: Fields, read: Question<T>['read']): Promise<T> => {
    for (;;) {
      const body = quirks.adapt({ ...fields, ...options.extraBody, model: options.model, stream: false });
      try {
        return await questions.ask({
          key: questionKey(baseUrl, path, body, fields),
          send: (signal) => wire.send(path, body, signal),
          read,
        });
      } catch (error) {
        if (refusedPrompt(error) !== null || !quirks.learn(error, body)) throw error;
      }
    }
  };

  const contextOf = (
    path: EndpointPath,
    { maxTokens, topLogProbs }: SamplingRequest,
    askedCharacters: number,
  ): AnswerContext => ({
    where: wire.whereOf(path),
    notice,
    names,
    maxTokens,
    askedCharacters,
    wantsLogProbs: topLogProbs !== undefined,
  });

  const score = async (dialect: ScoringDialect, request: PromptRequest): Promise<readonly PromptToken[] | null> => {
    const path = request.kind === 'text' ? 'completions' : 'chat/completions';
    const asked = request.kind === 'text' ? { prompt: request.prompt } : { messages: request.messages };
    const fields = { ...asked, max_tokens: 1, temperature: 0, seed: 0, ...scoringFields(dialect) };
    return ask(path, fields, (body) => readPromptScores(body, dialect, request, wire.whereOf(path)));
  };

  const dialects = new Map<PromptRequest['kind'], Promise<PromptLogProbsDialect>>();
  const dialectFor = (kind: PromptRequest['kind']): Promise<PromptLogProbsDialect> => {
    const { promptLogProbs = 'auto' } = options;
    if (promptLogProbs !== 'auto')
      return Promise.resolve(promptLogProbs === 'echo' && kind === 'chat' ? 'none' : promptLogProbs);
    let found = dialects.get(kind);
    if (found === undefined) dialects.set(kind, (found = probe(kind, score)));
    return found;
  };

  return {
    name: options.model,
    concurrency: options.concurrency,
    usage: questions.usage,
    close: questions.close,
    chat: (request: ChatRequest): Promise<RemoteReply> => {
      const { messages, topLogProbs } = request;
      const logProbs = topLogProbs === undefined ? {} : { logprobs: true, top_logprobs: topLogProbs };
      const context = contextOf(
        'chat/completions',
        request,
        messages.reduce((sum, { content }) => sum + content.length, 0),
      );
      return orRefusal(
        ask('chat/completions', { messages, ...samplingFields(request), ...logProbs }, (body) =>
          readChatAnswer(body, context),
        ),
      );
    },
    complete: (request: CompletionRequest): Promise<RemoteReply> => {
      const { prompt, topLogProbs } = request;
      // At least one: servers take 0 for none.
      const logProbs = topLogProbs === undefined ? {} : { logprobs: Math.max(1, topLogProbs) };
      const context = contextOf('completions', request, prompt.length);
      return orRefusal(
        ask('completions', { prompt, ...samplingFields(request), ...logProbs }, (body) =>
          readCompletionAnswer(body, context),
        ),
      );
    },
    promptLogProbs: async (request) => {
      const dialect = await dialectFor(request.kind);
      if (dialect === 'none') return null;
      return score(dialect, request).catch((error: unknown) => {
        if (refusedPrompt(error) === null) throw error;
        return null;
      });
    },
  };
}

/** The whole question. Where a server is not sent the seed, the draw still belongs to the question: another draw is
 *  another answer. */
function questionKey(baseUrl: string, path: EndpointPath, body: Fields, { seed }: Fields): string {
  return JSON.stringify([baseUrl, path, body, ...(body['seed'] === seed ? [] : [{ draw: seed }])]);
}

function refusedPrompt(error: unknown): PromptRefusal | null {
  return failureIn(error)?.refusedPrompt ?? null;
}

/** A prompt that the server refuses for itself costs its own reply; every other failure is thrown on. */
async function orRefusal(asked: Promise<RemoteReply>): Promise<RemoteReply> {
  try {
    return await asked;
  } catch (error) {
    const refusal = refusedPrompt(error);
    if (refusal === null) throw error;
    return noReply(refusal === 'content' ? 'promptContent' : 'promptLength');
  }
}

function samplingFields({ maxTokens, temperature, topP, seed, stop }: SamplingRequest): Fields {
  return {
    max_tokens: maxTokens,
    temperature,
    top_p: topP,
    seed,
    ...(stop === undefined || stop.length === 0 ? {} : { stop }),
  };
}

const probeText = 'The garden gate was open, and the';

/** Asks for the scores of a short text in each way. A server that ignores the wish answers without them; one that
 *  refuses it has not got it. */
async function probe(
  kind: PromptRequest['kind'],
  score: (dialect: ScoringDialect, request: PromptRequest) => Promise<readonly PromptToken[] | null>,
): Promise<PromptLogProbsDialect> {
  const request: PromptRequest =
    kind === 'text' ? { kind, prompt: probeText } : { kind, messages: [{ role: 'user', content: probeText }] };
  for (const dialect of kind === 'text' ? (['vllm', 'echo'] as const) : (['vllm'] as const)) {
    try {
      if ((await score(dialect, request)) !== null) return dialect;
    } catch (error) {
      if (!refusesTheWish(error)) throw error;
    }
  }
  return 'none';
}

/** Refused for what it holds, or badly served: some servers fail with 500 on fields that they do not know. */
function refusesTheWish(error: unknown): boolean {
  const status = failureIn(error)?.status ?? null;
  return status !== null && status !== 401 && status !== 403 && status !== 429;
}

function onceEach(tell: (text: string) => void): (text: string) => void {
  const told = new Set<string>();
  return (text) => {
    if (told.has(text)) return;
    told.add(text);
    tell(text);
  };
}
