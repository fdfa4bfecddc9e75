import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { parseChatTemplate, type ChatMessage } from './chatTemplate.js';

/** Written by transformers (tests/golden/chatTemplate.py): without and with generation prompt; null where the template
 *  refuses. */
type Expected = Readonly<Record<string, readonly [string | null, string | null]>>;
const golden = JSON.parse(
  readFileSync(new URL('../../../tests/golden/chatTemplate/expected.json', import.meta.url), 'utf8'),
) as {
  readonly conversations: Readonly<Record<string, readonly ChatMessage[]>>;
  readonly templates: Readonly<Record<string, { readonly source: string; readonly expected: Expected }>>;
};
const specials = { bosToken: '<s>', eosToken: '</s>', padToken: '<pad>', unkToken: '<unk>' };

/** Returns null where the template refuses. */
function renderOrRefuse(
  template: ReturnType<typeof parseChatTemplate>,
  messages: readonly ChatMessage[],
  addGenerationPrompt: boolean,
): string | null {
  try {
    return template.render(messages, { addGenerationPrompt });
  } catch (error) {
    if (error instanceof FormatError) return null;
    throw error;
  }
}

describe.each(Object.entries(golden.templates))(
  'the template "%s" renders as transformers does',
  (_name, { source, expected }) => {
    const template = parseChatTemplate(source, specials);
    it.each(Object.entries(expected))('%s', (name, [plain, prompted]) => {
      const messages = present(golden.conversations[name], 'every conversation is written out');
      for (const [addGenerationPrompt, want] of [
        [false, plain],
        [true, prompted],
      ] as const) {
        expect(renderOrRefuse(template, messages, addGenerationPrompt)).toBe(want);
      }
    });
  },
);

const hello: readonly ChatMessage[] = [{ role: 'user', content: 'Hello' }];

it('a refusal of a template says why and names the roles', () => {
  const template = parseChatTemplate("{{ raise_exception('Roles must alternate') }}", {});
  expect(() => template.render(hello, { addGenerationPrompt: true })).toThrow(/Roles must alternate[\s\S]*roles: user/);
});

it('a source that is no template is a FormatError', () => {
  expect(() => parseChatTemplate('{% for x in %}', {})).toThrow(FormatError);
  expect(() => parseChatTemplate('{% if a %}never closed', {})).toThrow(FormatError);
});

it('a special token without text renders as nothing', () => {
  expect(parseChatTemplate('[{{ bos_token }}]', {}).render(hello, { addGenerationPrompt: false })).toBe('[]');
});

it('the current date is withheld: templates that ask for it take their fixed one', () => {
  const source = "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}26 Jul 2024{% endif %}";
  expect(parseChatTemplate(source, {}).render(hello, { addGenerationPrompt: false })).toBe('26 Jul 2024');
});
