/** Chat templates that a seed draws: a text, or one clear message. That the texts are Jinja's own is held by the goldens
 *  of chatTemplate.py, among them a template of each kind that drawn ones found. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChatTemplate } from '../../src/engine/text/chatTemplate.js';
import { settingsFor, timeoutMs, valueOrMessage } from './settings.js';

const tags = [
  '{%',
  '{%-',
  '{%+',
  '%}',
  '-%}',
  '+%}',
  '{{',
  '{{-',
  '}}',
  '-}}',
  '{#',
  '#}',
  '-#}',
  '{',
  '}',
  '\n',
  '\r\n',
  ' ',
  '\u0085',
  '\uFEFF',
];
const code = [
  ' for m in messages ',
  ' endfor ',
  ' if m.role == "user" ',
  ' else ',
  ' endif ',
  ' raw ',
  ' endraw ',
  ' set x = 1 ',
  ' break ',
  ' continue ',
  ' generation ',
  ' endgeneration ',
  ' m.content ',
  ' x ',
  ' [1, x] ',
  ' {"a": none} ',
  " '}}' ",
  ' "\\x4" ',
  ' 1e3 ',
  ' true ~ none ',
  ' x | string ',
  ' macro f(a) ',
  ' endmacro ',
  ' f(1) ',
  ' (',
  '"',
  "'",
  '__proto__',
  ' namespace ',
  ' messages ',
];
const loops = [
  '{% for m in messages %}',
  '{% endfor %}',
  '{% if loop.first %}',
  '{% endif %}',
  '{{ m.content }}',
  '{% break %}',
  '{% raw %}',
  '{% endraw %}',
  '{% set x = m %}',
  '{{ x }}',
];
const sources = fc.string({ unit: fc.constantFrom(...tags, ...code, ...loops, ...loops), maxLength: 14 });
const said = fc.string({ unit: fc.constantFrom('a', '{{ x }}', '{% if %}', '\n', '\ud800', '<s>', ' '), maxLength: 4 });

describe('any chat template', () => {
  it(
    'renders a text or is refused with a message, the same each time',
    async () => {
      await fc.assert(
        fc.asyncProperty(sources, said, async (source, content) => {
          const render = (): Promise<string | null> =>
            valueOrMessage(() =>
              parseChatTemplate(source, { bosToken: '<s>' }).render([{ role: 'user', content }], {
                addGenerationPrompt: true,
              }),
            );
          const rendered = await render();
          expect(await render()).toBe(rendered);
        }),
        settingsFor(20),
      );
    },
    timeoutMs,
  );

  it(
    'without a tag renders as it is written, but for line breaks of other systems and one at its end',
    () => {
      const text = fc.string({
        unit: fc.constantFrom('a', '{', '}', '%', '#', '\n', '\r\n', '\r', ' ', '\u2028', '"', '\\'),
        maxLength: 12,
      });
      fc.assert(
        fc.property(
          text.filter((source) => !/\{[{%#]/.test(source)),
          (source) => {
            const written = source.replace(/\r\n?/g, '\n').replace(/\n$/, '');
            expect(parseChatTemplate(source, {}).render([], { addGenerationPrompt: false })).toBe(written);
            const raw = `{% raw %}${source.replace(/[\r\n]/g, '{{ x }}')}{% endraw %}`;
            expect(parseChatTemplate(raw, {}).render([], { addGenerationPrompt: false })).toBe(
              source.replace(/[\r\n]/g, '{{ x }}'),
            );
          },
        ),
        settingsFor(10),
      );
    },
    timeoutMs,
  );
});
