/** From the bytes of an answer to its value: JSON with what servers put around it (a byte-order mark, blank lines,
 *  comments that keep a connection open), or a stream of server-sent events, put together to the answer that it would
 *  have been in one piece. */
import { z } from 'zod';
import { TargetError } from '../base/errors.js';

/** The body as JSON. @throws TargetError */
export function parseBody(body: string, where: string): unknown {
  const json = withoutComments(body);
  let value: unknown;
  try {
    value = JSON.parse(json) as unknown;
  } catch (error) {
    const isNan = /[:[,]\s*-?(NaN|Infinity)\b/.test(json);
    throw new TargetError('the answer is not JSON', {
      where,
      expected: 'one JSON document',
      got:
        json.trim() === ''
          ? 'nothing'
          : isNan
            ? 'NaN or Infinity, which JSON does not have'
            : JSON.stringify(json.slice(0, 120)),
      remedy: isNan
        ? 'The model computes NaN: check its weights and precision.'
        : 'Check that the address is that of an API, not of a web page.',
      cause: error,
    });
  }
  if (!isDeep(value)) return value;
  throw new TargetError('the answer is nested too deeply', { where, expected: `at most ${String(mostLevels)} levels` });
}

const mostLevels = 500;

function isParent(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Looks at a level at a time, since a function that calls itself would end with the stack. */
function isDeep(value: unknown): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; depth <= mostLevels; depth++) {
    level = level.flatMap((each) => (isParent(each) ? Object.values(each) : []));
    if (level.length === 0) return false;
  }
  return true;
}

/** The body of an answer of the OpenAI protocol, streamed or not. @throws TargetError */
export function parseAnswer(body: string, where: string): unknown {
  const events = eventsOf(body);
  if (events === null) return parseBody(body, where);
  return joinEvents(
    events.filter((event) => event !== endMark).map((event) => parseBody(event, where)),
    events.includes(endMark),
  );
}

/** @param options.protocol spoken by the server that is asked; default OpenAI's. @throws TargetError */
export function parseAs<T>(
  schema: z.ZodType<T>,
  value: unknown,
  { where, protocol = 'OpenAI' }: { readonly where: string; readonly protocol?: string },
): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TargetError('an answer of another form', {
    where,
    expected: `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'another form'}`,
    got: JSON.stringify(value)?.slice(0, 200) ?? 'nothing',
    remedy: `Check that the server speaks the ${protocol} protocol at this address.`,
  });
}

/** Without a byte-order mark and the lines before the document that begin with a colon. */
function withoutComments(body: string): string {
  return body.replace(/^\uFEFF/, '').replace(/^(?:[ \t]*(?::[^\n]*)?\r?\n)+/, '');
}

const endMark = '[DONE]';

/** The data of server-sent events, the mark at the end among them; null for a body that is no stream. */
function eventsOf(body: string): readonly string[] | null {
  const text = withoutComments(body);
  if (!/^(data|event|id|retry):/.test(text)) return null;
  return text
    .split(/\r?\n\r?\n/)
    .map((event) =>
      event
        .split(/\r?\n/)
        .flatMap((line) => (line.startsWith('data:') ? [line.slice('data:'.length).trimStart()] : []))
        .join('\n'),
    )
    .map((data) => data.trim())
    .filter((data) => data !== '');
}

const textPart = z.string().nullish();
const chunk = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        index: z.number().nullish(),
        text: textPart,
        delta: z
          .looseObject({
            content: z.unknown().optional(),
            refusal: textPart,
            reasoning_content: textPart,
            reasoning: textPart,
            tool_calls: z.unknown().optional(),
          })
          .nullish(),
        finish_reason: z.unknown().optional(),
        logprobs: z.looseObject({ content: z.array(z.unknown()).nullish() }).nullish(),
      }),
    )
    .nullish(),
});

/** The events of the first choice as one answer. What is no chunk (an error, the usage at the end) keeps its fields. An
 *  error after the first pieces, or an end that is not said, is the answer's error: the text is not whole. */
function joinEvents(events: readonly unknown[], ended: boolean): unknown {
  let rest: Readonly<Record<string, unknown>> = {};
  const message: Record<string, unknown> = {};
  const choice: Record<string, unknown> = {};
  const logProbs: unknown[] = [];
  let hasChoice = false;
  const append = (to: Record<string, unknown>, key: string, part: unknown): void => {
    if (typeof part === 'string') to[key] = `${typeof to[key] === 'string' ? to[key] : ''}${part}`;
    else if (part !== undefined && part !== null) to[key] = part;
  };
  for (const event of events) {
    const parsed = chunk.safeParse(event);
    if (!parsed.success) continue;
    const { choices, ...others } = parsed.data;
    rest = { ...rest, ...Object.fromEntries(Object.entries(others).filter(([, value]) => value != null)) };
    const first = choices?.find(({ index }) => (index ?? 0) === 0);
    if (first === undefined) continue;
    hasChoice = true;
    append(choice, 'text', first.text);
    if (first.finish_reason != null) choice['finish_reason'] = first.finish_reason;
    for (const [key, part] of Object.entries(first.delta ?? {})) append(message, key, part);
    logProbs.push(...(first.logprobs?.content ?? []));
  }
  if (!hasChoice) return rest;
  if (rest['error'] !== undefined) choice['error'] = rest['error'];
  else if (!ended && choice['finish_reason'] === undefined) choice['error'] = { message: 'the stream ended early' };
  return {
    ...rest,
    choices: [{ ...choice, message, ...(logProbs.length === 0 ? {} : { logprobs: { content: logProbs } }) }],
  };
}
