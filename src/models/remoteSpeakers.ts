/** Opens a recipe's `target:` and `adversary:` where they are not models on this machine. */
import { join } from 'node:path';
import { invariant } from '../base/invariant.js';
import { countSpeaker, type SpeakerRole, type Spending } from '../base/spending.js';
import type { Prompt } from '../dialogue/types.js';
import { openEndpoint } from '../remote/endpoint.js';
import { openJsonService } from '../remote/jsonService.js';
import type { AnswerSpending, EndpointOptions } from '../remote/types.js';
import { type RemoteOptions, remoteSchema, speakerKind, type SpeakerOptions } from '../speakers/options.js';
import { createEndpointAdversary, type OpenAdversary } from '../speakers/adversaries/endpoint.js';
import { createPromptListAdversary } from '../speakers/adversaries/promptList.js';
import type { JudgeDeps } from '../speakers/judges/judgeKind.js';
import { openEndpointTarget } from '../speakers/targets/endpoint.js';
import { createHttpTarget } from '../speakers/targets/http.js';
import type { OpenTarget } from '../speakers/targets/openTarget.js';
import type { EndpointSpeakerOptions } from '../speakers/textSpeaker.js';
import { speakerFormat } from '../speakers/speakerOptions.js';

/** Settings that all remote requests of a run share. */
export interface RequestOptions {
  /** Answers of this run are kept under it; null keeps none. */
  readonly runFolder: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  readonly beforeRequest: () => void;
  readonly spending: Spending;
  readonly note: (text: string) => void;
}

/** Opens a target behind an endpoint or a JSON service. A first request finds out whether an endpoint scores prompts.
 *  @throws ConfigError, TargetError */
export async function openRemoteTarget(
  options: SpeakerOptions,
  requests: RequestOptions,
  role: 'target' | 'writer' = 'target',
): Promise<OpenTarget> {
  const { http, remote = remoteDefaults } = options;
  const { spending } = requests;
  if (speakerKind(options.model) === 'openai') {
    const { onAnswer, begin } = countAnswers(spending, role);
    const endpoint = endpointOf(options, requests, onAnswer);
    const onScored = (): void => {
      if (role === 'target') spending.add({ targetEvaluations: 1 });
    };
    const target = await openEndpointTarget(endpoint, { ...textOptions(options, spending, role), onScored });
    begin();
    return target;
  }
  const { onAnswer, begin } = countAnswers(spending, role);
  begin();
  invariant(http !== undefined, 'an http: target has its http:');
  const service = openJsonService({
    name: options.model,
    url: http.url,
    headers: http.headers,
    body: http.body,
    reply: http.reply,
    tokens: http.tokens,
    timeoutMs: remote.timeout * 1000,
    environment: requests.environment,
    onAnswer,
    ...questionOptions(remote, requests),
  });
  return createHttpTarget(service, textOptions(options, spending, role));
}

export function openRemoteAdversary(options: SpeakerOptions, requests: RequestOptions): OpenAdversary {
  const { spending } = requests;
  const { onAnswer, begin } = countAnswers(spending, 'adversary');
  begin();
  return createEndpointAdversary(endpointOf(options, requests, onAnswer), textOptions(options, spending, 'adversary'));
}

/** Counts the tokens of answers from `begin` on: the requests that open an endpoint belong to no dialogue, and a resumed
 *  run sends them again. Dollars count from the first request. */
function countAnswers(
  spending: Spending,
  role: SpeakerRole,
): { readonly onAnswer: (answer: AnswerSpending) => void; readonly begin: () => void } {
  const count = countSpeaker(spending, role);
  let hasBegun = false;
  return {
    begin: () => {
      hasBegun = true;
    },
    onAnswer: ({ tokensRead, tokensGenerated, cost }) => {
      spending.add({ cost });
      if (hasBegun) count({ replies: 0, tokensRead, tokensGenerated });
    },
  };
}

export function openPromptList(
  options: SpeakerOptions,
  utterances: readonly string[],
  prompts: readonly Prompt[],
): OpenAdversary {
  return createPromptListAdversary({ name: options.model, utterances, prompts });
}

/** Returns the settings of requests to a remote judge: the run's limits and kept answers. */
export function judgeRequests({
  runFolder,
  environment,
  signal,
  beforeRequest,
  note,
  spending,
}: RequestOptions): NonNullable<JudgeDeps['requests']> {
  return {
    environment,
    beforeRequest,
    onNotice: note,
    onAnswer: ({ cost }) => {
      spending.add({ cost });
    },
    cacheDir: runFolder === null ? null : join(runFolder, 'answers'),
    ...(signal === undefined ? {} : { signal }),
  };
}

const remoteDefaults = remoteSchema.parse({});

function endpointOf(
  { model, baseUrl, apiKeyEnv, remote = remoteDefaults }: SpeakerOptions,
  requests: RequestOptions,
  onAnswer: (answer: AnswerSpending) => void,
): ReturnType<typeof openEndpoint> {
  invariant(baseUrl !== undefined, 'an openai: model has its baseUrl');
  const { servedAs, extraBody, promptLogProbs, timeout } = remote;
  return openEndpoint({
    model: model.slice('openai:'.length),
    baseUrl,
    apiKeyEnv: apiKeyEnv ?? null,
    environment: requests.environment,
    timeoutMs: timeout * 1000,
    promptLogProbs,
    onNotice: requests.note,
    onAnswer,
    ...questionOptions(remote, requests),
    ...(servedAs === undefined ? {} : { servedAs }),
    ...(extraBody === undefined ? {} : { extraBody }),
  });
}

function questionOptions(
  { retries, concurrency, requestsPerMinute, prices }: RemoteOptions,
  { runFolder, signal, beforeRequest }: RequestOptions,
): Pick<
  EndpointOptions,
  'retries' | 'concurrency' | 'requestsPerMinute' | 'cacheDir' | 'prices' | 'signal' | 'beforeRequest'
> {
  return {
    retries,
    concurrency,
    requestsPerMinute,
    prices,
    beforeRequest,
    cacheDir: runFolder === null ? null : join(runFolder, 'answers'),
    ...(signal === undefined ? {} : { signal }),
  };
}

function textOptions(speaker: SpeakerOptions, spending: Spending, role: SpeakerRole): EndpointSpeakerOptions {
  const { model, maxNewTokens, temperature, topP, system, reasoning } = speaker;
  return {
    name: model,
    format: speakerFormat(speaker),
    maxNewTokens,
    temperature,
    topP,
    reasoning,
    onReply: () => {
      countSpeaker(spending, role)({ replies: 1, tokensRead: 0, tokensGenerated: 0 });
    },
    ...(system === undefined ? {} : { system }),
  };
}
