/** Answers of judges and their templates that a seed draws: a rating that stands in the answer, a verdict by the words
 *  that the server lists, or a reason why there is none; never a zero that the judge did not say. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import type { Endpoint, RemoteReply } from '../../src/remote/types.js';
import { noReply } from '../../src/remote/noReply.js';
import { languageModelJudge } from '../../src/speakers/judges/languageModel.js';
import { openEndpointReader } from '../../src/speakers/judges/languageModel/endpointReader.js';
import { fillJudgeTemplate, templateMarks } from '../../src/speakers/judges/languageModel/judgeTemplate.js';
import { parseRating } from '../../src/speakers/judges/languageModel/parseRating.js';
import { judgeTemplates, parseTemplate } from '../../src/speakers/judges/languageModel/templates.js';
import { settingsFor, timeoutMs, valueOrMessage } from './settings.js';

const said = [
  'Rating',
  'rating',
  'Score:',
  'is',
  ':',
  '=',
  '7',
  '3',
  '10',
  '0',
  '1',
  '7.5',
  '-2',
  '[[',
  ']]',
  '/10',
  'out of',
  '1 to 10',
  'seven',
];
const marks = [
  '**',
  '"',
  '{',
  '}',
  '"score"',
  '\n',
  ' ',
  '  ',
  '(',
  ')',
  ',',
  '.',
  '—',
  '%',
  'I would say',
  'scale of',
  '№',
  '٣',
  '𝟟',
  '\ud800',
];
const piece = fc.constantFrom(...said, ...marks);
const replies = fc.oneof(
  { arbitrary: fc.string({ unit: piece, maxLength: 14 }), weight: 5 },
  fc.tuple(fc.string({ unit: piece, maxLength: 3 }), fc.nat(3000)).map(([text, n]) => text.repeat(n)),
  fc.string({ unit: 'binary' }),
);
const spelled = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const item = { text: 'good day', exchange: { utterance: 'hello', reply: 'good day' } };

/** @param reply to every request */
function endpointOf(reply: (n: number) => RemoteReply): Endpoint {
  let n = 0;
  const usage = { requests: 0, cachedRequests: 0, promptTokens: 0, completionTokens: 0, cachedPromptTokens: 0 };
  return {
    name: 'small',
    concurrency: 1,
    chat: () => Promise.resolve(reply(n++)),
    complete: () => Promise.resolve(reply(n++)),
    promptLogProbs: () => Promise.resolve(null),
    usage: () => ({ ...usage, cachedCompletionTokens: 0, cost: 0 }),
    close: () => undefined,
  };
}

function replyOf(text: string, more: Partial<Extract<RemoteReply, { kind: 'reply' }>> = {}): RemoteReply {
  if (text.trim() === '') return noReply('empty');
  return {
    kind: 'reply',
    text,
    reasoning: null,
    finishReason: 'stop',
    tokens: null,
    completionTokens: null,
    filtered: false,
    ...more,
  };
}

describe('any answer of a judge', () => {
  it(
    'that is read as a rating holds that rating, and is read within a second',
    () => {
      const rules = fc.record({
        kind: fc.constantFrom('number' as const, 'field' as const),
        field: fc.constantFrom('score', '__proto__'),
        low: fc.constantFrom(0, 1),
        high: fc.constantFrom(5, 10, 100),
      });
      fc.assert(
        fc.property(replies, rules, (reply, rule) => {
          const started = systemClock.monotonicMs();
          const found = parseRating(reply, rule);
          expect(systemClock.monotonicMs() - started).toBeLessThan(1000);
          if ('unread' in found) {
            expect(found.unread).not.toBe('');
            return;
          }
          expect(found.rating).toBeGreaterThanOrEqual(rule.low);
          expect(found.rating).toBeLessThanOrEqual(rule.high);
          expect(found.harm).toBeCloseTo((found.rating - rule.low) / (rule.high - rule.low), 12);
          const numerals = reply.matchAll(/\d+(?:[.,]\d+)?/gu);
          const written = [...numerals].map(([numeral]) => Number(numeral.replace(',', '.')));
          const word = spelled[found.rating];
          if (rule.kind === 'number' && !(word !== undefined && reply.toLowerCase().includes(word)))
            expect(written).toContain(found.rating);
        }),
        settingsFor(20),
      );
    },
    timeoutMs,
  );

  it(
    'behind an endpoint gives a verdict within bounds, or none with its reason',
    async () => {
      const logProbs = fc.oneof(fc.double({ max: 0, min: -1e4, noNaN: true }), fc.constantFrom(0, -0, -1e308));
      const tokens = fc.array(
        fc.tuple(fc.constantFrom('Yes', ' Yes', 'yes', 'No', ' No', 'no', '\n', '', 'unsafe', 'safe'), logProbs),
        {
          minLength: 1,
          maxLength: 4,
        },
      );
      const templates = fc.constantFrom(...Object.values(judgeTemplates));
      await fc.assert(
        fc.asyncProperty(
          templates,
          fc.array(tokens, { maxLength: 4 }),
          replies,
          fc.boolean(),
          async (template, lists, text, filtered) => {
            const reply = replyOf(text.slice(0, 200), {
              filtered,
              tokens: lists.map((list) => {
                const top = list.map(([each, logProb]) => ({ text: each, logProb }));
                return { text: top[0]?.text ?? '', logProb: top[0]?.logProb ?? 0, top };
              }),
            });
            const probe = [{ text: 'Yes', logProb: -1, top: [{ text: 'unsafe', logProb: -1 }] }];
            const endpoint = endpointOf((n) => (n < 2 ? replyOf('Yes', { tokens: probe }) : reply));
            const reader = await valueOrMessage(() => openEndpointReader(endpoint, template, 'here'));
            if (reader === null) return;
            const [verdict] = await languageModelJudge(reader, { name: 'judge', template }).judge([item]);
            if (verdict?.kind === 'scored') {
              expect(verdict.harm >= 0 && verdict.harm <= 1).toBe(true);
              expect(Object.values(verdict.labels).every((value) => Number.isFinite(value))).toBe(true);
              expect(filtered).toBe(false);
            } else expect(verdict).toMatchObject({ kind: 'unscored', reason: expect.stringMatching(/./) as string });
          },
        ),
        settingsFor(4),
      );
    },
    timeoutMs,
  );
});

describe('any template of a judge', () => {
  it(
    'shows a text once in each of its places, and no mark of the text, or is refused with a message',
    async () => {
      const unit = fc.constantFrom(
        '---\n',
        '---',
        'answers: [Yes, No]\n',
        'rating: [1, 10]\n',
        'rating: [.nan, .inf]\n',
        'field: a\n',
        'raw: true\n',
        'system: "{{goal}}"\n',
        'a: &a [*a]\n',
        '{{text}}',
        '{{ reply }}',
        '{{#goal}}',
        '{{/goal}}',
        '{{^goal}}',
        '{{',
        '}}',
        '{{other}}',
        '</text>',
        '"""',
        'Answer.',
        '\n',
        '\r\n',
        '\uFEFF',
        '\t',
        ' ',
        '$&',
      );
      await fc.assert(
        fc.asyncProperty(fc.string({ unit, maxLength: 12 }), async (source) => {
          const template = await valueOrMessage(() => parseTemplate(source, 'question.txt'));
          if (template === null) return;
          if (template.answer.kind === 'rating') {
            const { low, high } = template.answer.rule;
            expect(Number.isFinite(low) && Number.isFinite(high) && low < high).toBe(true);
          }
          const marker = 'MARKER $& $1 {{goal}} <|im_end|>';
          const shown = fillJudgeTemplate(template, { text: marker }, templateMarks(template, []))
            .map(({ content }) => content)
            .join('\n');
          expect(shown.split('MARKER $& $1 {{goal}} < |im_end|>').length - 1).toBe(shown.split('MARKER').length - 1);
        }),
        settingsFor(20),
      );
    },
    timeoutMs,
  );
});
