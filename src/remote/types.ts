/** Requests to a remote model and its answers: the data of `endpoint.ts`. Text goes in and out; ids never cross
 *  the wire. */

export interface EndpointOptions {
  /** The server's name for it. */
  readonly model: string;
  /** Such as http://127.0.0.1:8000/v1. Nothing else is ever connected to. */
  readonly baseUrl: string;
  /** Name of the environment variable that holds the key; null sends none. */
  readonly apiKeyEnv: string | null;
  /** Holds the key; default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Limit of one attempt, answer included. */
  readonly timeoutMs: number;
  /** Further attempts after the first, on 408, 429, 5xx, timeouts and broken connections. */
  readonly retries: number;
  /** Requests in flight at once. */
  readonly concurrency: number;
  readonly requestsPerMinute: number | null;
  /** Folder of kept answers, so that no request is sent twice; null keeps none. */
  readonly cacheDir: string | null;
  /** US dollars per million tokens; null when unknown. */
  readonly prices: Prices | null;
  /** How the server's answers call the model, where that is not `model`. */
  readonly servedAs?: string;
  /** Further fields of every request body, as this server knows them. */
  readonly extraBody?: Readonly<Record<string, unknown>>;
  /** Which way of scoring a prompt the server has; default 'auto': found out by a first question. */
  readonly promptLogProbs?: 'auto' | PromptLogProbsDialect;
  /** Ends requests in flight when the user asks to stop. */
  readonly signal?: AbortSignal;
  /** Called before every request that goes out; throws to end the work here (a budget). */
  readonly beforeRequest?: () => void;
  /** Called with every answer, also one from the cache, which costs nothing. */
  readonly onAnswer?: (answer: AnswerSpending) => void;
  /** Called once for each fact that a reader should know: a field that the server does not take, for example. */
  readonly onNotice?: (text: string) => void;
}

/** Tokens and dollars of one answer. */
export interface AnswerSpending {
  readonly tokensRead: number;
  readonly tokensGenerated: number;
  /** US dollars; 0 when prices are unknown. */
  readonly cost: number;
}

export interface Prices {
  readonly input: number;
  readonly output: number;
}

/** vLLM's `prompt_logprobs`; completions with `echo` and `logprobs`; or neither. */
export type PromptLogProbsDialect = 'vllm' | 'echo' | 'none';

export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface SamplingRequest {
  readonly maxTokens: number;
  /** 0 is greedy. */
  readonly temperature: number;
  /** 1 is off. */
  readonly topP: number;
  readonly seed: number;
  readonly stop?: readonly string[];
  /** Ask for log-probabilities, with n alternatives per token; left out, none are asked for. */
  readonly topLogProbs?: number;
}

export interface ChatRequest extends SamplingRequest {
  readonly messages: readonly Message[];
}

export interface CompletionRequest extends SamplingRequest {
  readonly prompt: string;
}

export interface TokenLogProb {
  readonly text: string;
  /** Nats. */
  readonly logProb: number;
}

export interface ReplyToken extends TokenLogProb {
  /** The likeliest tokens at this place, best first; as many as were asked for and the server gives. */
  readonly top: readonly TokenLogProb[];
}

/** The result of a request for text. */
export type RemoteReply = TextReply | NoReply;

export interface TextReply {
  readonly kind: 'reply';
  /** Holds more than white space. */
  readonly text: string;
  /** Text that the model wrote before its reply, where the server separates it; null where it does not. */
  readonly reasoning: string | null;
  readonly finishReason: 'stop' | 'length';
  /** Is null unless asked for and given. */
  readonly tokens: readonly ReplyToken[] | null;
  /** Counted by the server; null when it does not. */
  readonly completionTokens: number | null;
  /** The provider's content filter cut the text. */
  readonly filtered: boolean;
}

/** The server answered as it should, but there is no text to read: nothing that a judge could call harmless. */
export interface NoReply {
  readonly kind: 'noReply';
  readonly cause: NoReplyCause;
  /** The cause in words, the same for all answers of that cause. */
  readonly reason: string;
}

export type NoReplyCause =
  /** The limit of tokens was used up before the reasoning ended. */
  | 'reasoningLimit'
  /** The answer ended with its reasoning. */
  | 'reasoningOnly'
  /** The limit of tokens was reached without a text, and nothing is said of reasoning. */
  | 'emptyAtLimit'
  | 'contentFilter'
  | 'toolCall'
  /** The answer's own field for refusals is filled, and its text is not. */
  | 'refusal'
  | 'empty'
  /** The text has a form that cannot be read. */
  | 'form'
  /** The server refused this one prompt for what it says. */
  | 'promptContent'
  /** The server refused this one prompt for its length. */
  | 'promptLength';

/** A token of a prompt; the first has no log-probability. */
export interface PromptToken {
  readonly text: string;
  /** Nats; null where the server gives none (the first token). */
  readonly logProb: number | null;
}

export type PromptRequest =
  { readonly kind: 'text'; readonly prompt: string } | { readonly kind: 'chat'; readonly messages: readonly Message[] };

export interface Usage {
  /** Answered by the server. */
  readonly requests: number;
  /** Answered by the cache. */
  readonly cachedRequests: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Tokens of answers that came from the cache. */
  readonly cachedPromptTokens: number;
  readonly cachedCompletionTokens: number;
  /** US dollars; 0 when prices are unknown. */
  readonly cost: number;
}

export interface Endpoint {
  readonly name: string;
  /** How many questions it takes at once: for `askAll`. */
  readonly concurrency: number;
  /** @throws TargetError when the server cannot, will not or does not rightly answer; InterruptedError when asked to
   *    stop */
  readonly chat: (request: ChatRequest) => Promise<RemoteReply>;
  /** @throws as `chat` */
  readonly complete: (request: CompletionRequest) => Promise<RemoteReply>;
  /** Log-probabilities of a prompt's own tokens, for a chat as the server's template renders it; null when not offered.
   *  @throws as `chat` */
  readonly promptLogProbs: (request: PromptRequest) => Promise<readonly PromptToken[] | null>;
  /** Since it was opened. */
  readonly usage: () => Usage;
  /** Ends what is in flight; later calls are refused. */
  readonly close: () => void;
}
