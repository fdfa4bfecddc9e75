/** Chat templates: a conversation to the text that a chat model was trained on, by the Jinja source that its checkpoint
 *  ships. Rendering is @huggingface/jinja; owned here is what the template sees, which follows transformers'
 *  `apply_chat_template`, except that the current date is withheld (templates then use their fixed one): the same
 *  conversation must give the same ids tomorrow. */
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { FormatError } from '../../base/errors.js';
import { invariant } from '../../base/invariant.js';

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
    program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
  } catch (cause) {
    throw new FormatError('the chat template cannot be parsed', { got: message(cause), cause });
  }
  return {
    render: (messages, { addGenerationPrompt }) => {
      try {
        const environment = new Environment();
        const variables = { ...globals, ...specialVariables(specials), tools: null, documents: null };
        for (const [name, value] of Object.entries(variables)) environment.set(name, value);
        environment.set(
          'messages',
          messages.map(({ role, content }) => ({ role, content })),
        );
        environment.set('add_generation_prompt', addGenerationPrompt);
        const rendered = new Interpreter(environment).run(program).value;
        invariant(typeof rendered === 'string', 'a template renders to text');
        return rendered;
      } catch (cause) {
        throw new FormatError('the chat template refuses this conversation', {
          got: `${message(cause)} (roles: ${messages.map(({ role }) => role).join(', ')})`,
          remedy: 'Order the messages as the model expects, or use the plain format.',
          cause,
        });
      }
    },
  };
}

/** Every template may name these. `strftime_now` is not among them, see above. */
const globals: Readonly<Record<string, unknown>> = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  raise_exception: (reason: unknown): never => {
    throw new FormatError(String(reason));
  },
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
