/** The text of a chat's message, apart from reasoning, refusals and calls of tools, in the forms that servers give it:
 *  a text, a list of parts, an object with a text. */
import { z } from 'zod';

export const messageSchema = z.looseObject({
  content: z.unknown().optional(),
  refusal: z.unknown().optional(),
  reasoning_content: z.unknown().optional(),
  reasoning: z.unknown().optional(),
  tool_calls: z.unknown().optional(),
  function_call: z.unknown().optional(),
});

export interface MessageText {
  /** The text that a user would read; empty where there is none. */
  readonly text: string;
  readonly reasoning: string | null;
  readonly refuses: boolean;
  readonly callsTool: boolean;
  /** False for content of an unknown form. */
  readonly isReadable: boolean;
}

const textObject = z.looseObject({ text: z.string() });
const part = z.looseObject({
  type: z.string().nullish(),
  text: z.unknown().optional(),
  thinking: z.unknown().optional(),
  refusal: z.unknown().optional(),
});

export function readMessage(message: z.output<typeof messageSchema>): MessageText {
  const content = readContent(message.content);
  const named = [message.reasoning_content, message.reasoning].find(isFilled);
  const reasoning = [...(named === undefined ? [] : [named]), ...content.reasoning].join('\n');
  return {
    text: content.text,
    reasoning: reasoning === '' ? null : reasoning,
    refuses: isFilled(message.refusal) || content.refuses,
    callsTool: (Array.isArray(message.tool_calls) && message.tool_calls.length > 0) || message.function_call != null,
    isReadable: content.isReadable,
  };
}

interface Content {
  readonly text: string;
  readonly reasoning: readonly string[];
  readonly refuses: boolean;
  readonly isReadable: boolean;
}

const nothing: Content = { text: '', reasoning: [], refuses: false, isReadable: true };

function readContent(content: unknown): Content {
  if (content === null || content === undefined) return nothing;
  if (typeof content === 'string') return { ...nothing, text: content };
  const parts = Array.isArray(content) ? content.map(readPart) : [readPart(content)];
  return {
    text: parts.map(({ text }) => text).join(''),
    reasoning: parts.flatMap(({ reasoning }) => reasoning),
    refuses: parts.some(({ refuses }) => refuses),
    isReadable: parts.every(({ isReadable }) => isReadable),
  };
}

/** Parts of other types than text (references, images) hold nothing to read, and stand in no one's way. */
function readPart(given: unknown): Content {
  if (typeof given === 'string') return { ...nothing, text: given };
  const parsed = part.safeParse(given);
  if (!parsed.success) return { ...nothing, isReadable: false };
  const { type, text, thinking, refusal } = parsed.data;
  if (type === 'thinking' || type === 'reasoning')
    return { ...nothing, reasoning: [plainText(thinking ?? text)].filter(isFilled) };
  if (type === 'refusal') return { ...nothing, refuses: isFilled(refusal) };
  if (typeof text === 'string') return { ...nothing, text };
  const inner = textObject.safeParse(text);
  if (inner.success) return { ...nothing, text: inner.data.text };
  return { ...nothing, isReadable: typeof type === 'string' };
}

/** The thoughts of a part: a text, or a list of parts. */
function plainText(thoughts: unknown): string {
  return Array.isArray(thoughts) ? readContent(thoughts).text : typeof thoughts === 'string' ? thoughts : '';
}

function isFilled(text: unknown): text is string {
  return typeof text === 'string' && text.trim() !== '';
}
