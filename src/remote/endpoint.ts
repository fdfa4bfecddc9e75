/** An OpenAI-compatible endpoint (vLLM, llama.cpp, Ollama, hosted): chat, completions, and log-probabilities of prompts
 *  where offered.
 *
 *  Requests are built by the `openai` client with its own retries, environment variables and headers out of the way:
 *  the address, the key, pacing, retries, the cache and the reading of answers are ours. */
import { TargetError } from '../base/errors.js';
import { type AnswerContext, readChatAnswer, readCompletionAnswer } from './answers.js';
import { failureIn } from './failure.js';
import { readPromptScores, scoringFields, type ScoringDialect } from './promptScores.js';
import { keyFrom, openQuestions, type Question } from './questions.js';
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
import { createWire, type EndpointPath } from './wire.js';

type Fields = Readonly<Record<string, unknown>>;

/** @throws ConfigError when the address is none or the key's variable is empty; asks nothing yet */
export function openEndpoint(options: EndpointOptions): Endpoint {
  const wire = createWire(options, keyFrom(options.apiKeyEnv, options.environment));
  const questions = openQuestions(options);
  const names = options.servedAs === undefined ? [options.model] : [options.servedAs];
  const notice = onceEach(options.onNotice ?? (() => undefined));
  const quirks = createQuirks(notice);

  const ask = async <T>(path: EndpointPath, fields: Fields, read: Question<T>['read']): Promise<T> => {
    for (;;) {
      const body = quirks.adapt({ ...fields, ...options.extraBody, model: options.model, stream: false });
      try {
        return await questions.ask({
          key: JSON.stringify([wire.baseUrl, path, body]),
          send: (signal) => wire.send(path, body, signal),
          read,
        });
      } catch (error) {
        if (!quirks.learn(error, body)) throw error;
      }
    }
  };

  const contextOf = (
    path: EndpointPath,
    { maxTokens, topLogProbs }: SamplingRequest,
    askedCharacters: number,
  ): AnswerContext => ({
    where: `${wire.baseUrl}/${path}`,
    names,
    maxTokens,
    askedCharacters,
    wantsLogProbs: topLogProbs !== undefined,
  });

  const score = async (dialect: ScoringDialect, request: PromptRequest): Promise<readonly PromptToken[] | null> => {
    const path = request.kind === 'text' ? 'completions' : 'chat/completions';
    const asked = request.kind === 'text' ? { prompt: request.prompt } : { messages: request.messages };
    const fields = { ...asked, max_tokens: 1, temperature: 0, seed: 0, ...scoringFields(dialect) };
    return ask(path, fields, (body) => readPromptScores(body, dialect, request, `${wire.baseUrl}/${path}`));
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
      return ask('chat/completions', { messages, ...samplingFields(request), ...logProbs }, (body) =>
        readChatAnswer(body, context),
      );
    },
    complete: (request: CompletionRequest): Promise<RemoteReply> => {
      const { prompt, topLogProbs } = request;
      // At least one: servers take 0 for none.
      const logProbs = topLogProbs === undefined ? {} : { logprobs: Math.max(1, topLogProbs) };
      const context = contextOf('completions', request, prompt.length);
      return ask('completions', { prompt, ...samplingFields(request), ...logProbs }, (body) =>
        readCompletionAnswer(body, context),
      );
    },
    promptLogProbs: async (request) => {
      const dialect = await dialectFor(request.kind);
      return dialect === 'none' ? null : score(dialect, request);
    },
  };
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

interface Quirks {
  readonly adapt: (body: Fields) => Fields;
  /** Whether the refusal names a field that can go another way, so that asking again makes sense. */
  readonly learn: (error: unknown, body: Fields) => boolean;
}

/** Fields that some servers refuse: newer hosted models want `max_completion_tokens`, others take no seed. */
function createQuirks(notice: (text: string) => void): Quirks {
  const known = { renamesMaxTokens: false, takesNoSeed: false };
  return {
    adapt: (body) => {
      const { seed, max_tokens, ...rest } = body;
      return {
        ...rest,
        ...(known.renamesMaxTokens ? { max_completion_tokens: max_tokens } : { max_tokens }),
        ...(known.takesNoSeed ? {} : { seed }),
      };
    },
    learn: (error, body) => {
      const status = failureIn(error)?.status;
      if (!(error instanceof TargetError) || (status !== 400 && status !== 422)) return false;
      const said = error.details.got ?? '';
      if ('max_tokens' in body && said.includes('max_completion_tokens')) return (known.renamesMaxTokens = true);
      if (!('seed' in body) || !/\bseed\b/.test(said)) return false;
      notice('the endpoint takes no seed: its replies cannot be drawn again, but those of this run are kept');
      return (known.takesNoSeed = true);
    },
  };
}

function onceEach(tell: (text: string) => void): (text: string) => void {
  const told = new Set<string>();
  return (text) => {
    if (told.has(text)) return;
    told.add(text);
    tell(text);
  };
}
