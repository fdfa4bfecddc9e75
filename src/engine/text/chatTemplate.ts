/** Chat templates: a conversation to the text that a chat model was trained on, by the Jinja source that its checkpoint
 *  ships. Rendering is templateTokens.ts and templateRun.ts; owned here is what the template sees, which follows transformers'
 *  `apply_chat_template`, except that `strftime_now` always tells the date that Llama's templates fall back on: the same
 *  conversation must give the same ids tomorrow. */
import { parse } from '@huggingface/jinja';
import { FormatError } from '../../base/errors.js';
import { templateTokens } from './templateTokens.js';
import { runTemplate } from './templateRun.js';
import { asPython } from './templateValues.js';
import type { Tokenizer } from './tokenizer.js';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface ChatTemplate {
  /** @throws FormatError when the template refuses the conversation (an unknown role, turns that do not alternate …) */
  readonly render: (messages: readonly ChatMessage[], options: { readonly addGenerationPrompt: boolean }) => string;
}

/** Texts of special tokens that templates name. */
export interface TemplateSpecials {
  readonly bosToken?: string;
  readonly eosToken?: string;
  readonly padToken?: string;
  readonly unkToken?: string;
}

/** @throws FormatError when the source is not a template */
export function parseChatTemplate(source: string, specials: TemplateSpecials): ChatTemplate {
  let program: ReturnType<typeof parse>;
  try {
    program = asPython(parse(templateTokens(source)));
  } catch (cause) {
    throw new FormatError('the chat template cannot be parsed', { got: message(cause), cause });
  }
  return {
    render: (messages, { addGenerationPrompt }) => {
      try {
        return runTemplate(program, {
          ...globals,
          ...specialVariables(specials),
          tools: null,
          documents: null,
          messages: messages.map(({ role, content }) => ({ role, content })),
          add_generation_prompt: addGenerationPrompt,
        });
      } catch (cause) {
        throw notRendered(cause, messages);
      }
    },
  };
}

/** A conversation as the ids that the model reads. The whole text is tokenised at once, as servers and transformers do
 *  it, so that a run asks the same prompt as the deployed model sees. */
export function chatIds(
  { tokenizer, chatTemplate }: { readonly tokenizer: Tokenizer; readonly chatTemplate: ChatTemplate },
  messages: readonly ChatMessage[],
  options: { readonly addGenerationPrompt: boolean },
): readonly number[] {
  return renderedIds(tokenizer, chatTemplate.render(messages, options));
}

/** A rendered template as ids: it names its special tokens itself. */
export function renderedIds(tokenizer: Tokenizer, rendered: string): readonly number[] {
  return tokenizer.encode(rendered, { addSpecialTokens: false });
}

/** Says whose fault it is: the conversation's, which the template refuses in its own words, or the template's. */
function notRendered(cause: unknown, messages: readonly ChatMessage[]): FormatError {
  const roles = messages.map(({ role }) => role).join(', ');
  return cause instanceof TemplateRefusal
    ? new FormatError('the chat template refuses this conversation', {
        got: `${cause.message} (roles: ${roles})`,
        remedy: 'Order the messages as the model expects, or use the plain format.',
        cause,
      })
    : new FormatError('the chat template asks for what is not supported', {
        got: message(cause),
        remedy: 'Write that part of the template in another way, or use the plain format.',
        cause,
      });
}

/** A template says this by `raise_exception`. */
class TemplateRefusal extends Error {}

/** 26 July 2024, midnight, by the letters of Python's strftime. */
const fixedDate: Readonly<Record<string, string>> = {
  Y: '2024',
  y: '24',
  m: '07',
  d: '26',
  B: 'July',
  b: 'Jul',
  A: 'Friday',
  a: 'Fri',
  j: '208',
  H: '00',
  I: '12',
  M: '00',
  S: '00',
  p: 'AM',
  F: '2024-07-26',
  T: '00:00:00',
  '%': '%',
};

/** Every template may name these. */
const globals: Readonly<Record<string, unknown>> = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  raise_exception: (reason: unknown): never => {
    throw new TemplateRefusal(String(reason));
  },
  strftime_now: (format: unknown): string =>
    String(format).replace(/%(-?)(.)/gu, (whole, sign: string, letter: string) => {
      const value = fixedDate[letter];
      if (value === undefined) throw new Error(`strftime_now(${JSON.stringify(whole)})`);
      return sign === '-' ? value.replace(/^0(?=.)/u, '') : value;
    }),
  range: (first: number, second?: number, step = 1): number[] => {
    const [start, end] = second === undefined ? [0, first] : [first, second];
    return Array.from({ length: Math.max(0, Math.ceil((end - start) / step)) }, (_, i) => start + i * step);
  },
};

function specialVariables({ bosToken, eosToken, padToken, unkToken }: TemplateSpecials): Record<string, string> {
  const variables = { bos_token: bosToken, eos_token: eosToken, pad_token: padToken, unk_token: unkToken };
  return Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
