import { describe, expect, it } from 'vitest';
import { present } from '../../base/invariant.js';
import { byteChatTemplate, byteIds, byteTokenizer } from '../../../tests/fakes/byteTokenizer.js';
import { prefixSpaceTokenizer } from '../../../tests/fakes/prefixSpaceTokenizer.js';
import { ConfigError } from '../../base/errors.js';
import type { Dialogue, Utterance } from '../../dialogue/types.js';
import { withAddedTokens } from '../../engine/text/addedTokens.js';
import { type ChatTemplate, parseChatTemplate } from '../../engine/text/chatTemplate.js';
import type { Tokenizer } from '../../engine/text/tokenizer.js';
import { openFormat } from './all.js';
import { type FormatKind, formatKinds, type FormatOptions } from './format.js';

const tokenizer = byteTokenizer();
const chatTemplate = parseChatTemplate(byteChatTemplate, {});
const bytes = (text: string): number[] => [...Buffer.from(text, 'utf8')];

function open(kind: FormatKind, options: Partial<FormatOptions> = {}) {
  return openFormat(kind, { role: 'target', tokenizer, chatTemplate, maxContextTokens: 1000, ...options });
}

function said(
  author: Utterance['author'],
  text: string,
  ids: readonly number[] = bytes(text),
  by: Tokenizer = tokenizer,
): Utterance {
  return { author, text, tokens: { tokenizerId: by.id, ids }, finishReason: 'stop' };
}

function dialogue(prompt: string, ...turns: Utterance[]): Dialogue {
  return { prompt: { id: 'p', text: prompt, conversationId: 'c' }, turns };
}

describe('plain', () => {
  it('is the prompt’s ids followed by the utterances’ own ids, and says where the last one lies', () => {
    const context = open('plain').context(
      dialogue('ab', said('adversary', 'cd'), said('target', 'e'), said('adversary', 'fg')),
    );
    expect(context.ids).toEqual(bytes('abcdefg'));
    expect(context.lastUtterance).toEqual({ start: 5, length: 2 });
  });

  it('generated ids are never tokenised again: ids that decode alike but differ stay as generated', () => {
    // Twice <pad>, which a decoded text does not show, then "x": re-tokenising the text would give "x" alone.
    const ids = [byteIds.pad, byteIds.pad, ...bytes('x')];
    expect(open('plain').context(dialogue('a', said('adversary', 'x', ids))).ids).toEqual([...bytes('a'), ...ids]);
  });

  it('utterances of another tokenizer are read from their text, and counted', () => {
    const other = byteTokenizer({ salt: 'other' });
    const context = open('plain').context(
      dialogue('a', said('adversary', 'xy', [1, 2, 3], other), said('target', 'z')),
    );
    expect(context.ids).toEqual(bytes('axyz'));
    expect(context.retokenised).toBe(1);
  });

  it('ids of the tokenizer that this one goes on from are read as they are', () => {
    const ids = [byteIds.pad, byteIds.pad, ...bytes('x')];
    const context = open('plain', { tokenizer: withAddedTokens(tokenizer, ['[TOXIC]']) }).context(
      dialogue('a', said('adversary', 'x', ids)),
    );
    expect(context.ids).toEqual([...bytes('a'), ...ids]);
    expect(context.retokenised).toBe(0);
  });

  it('an end token ends generation and is no part of the context', () => {
    const context = open('plain').context(dialogue('a', said('adversary', 'b', [...bytes('b'), byteIds.end])));
    expect(context.ids).toEqual(bytes('ab'));
    expect(context.lastUtterance).toEqual({ start: 1, length: 1 });
  });

  it('a prompt begins with the begin token once, and a continuation never gets a second', () => {
    const llamaLike = byteTokenizer({ addsBos: true });
    const context = open('plain', { tokenizer: llamaLike }).context(
      dialogue('ab', said('adversary', 'cd', [], byteTokenizer({ salt: 'x' }))),
    );
    expect(context.ids).toEqual([byteIds.bos, ...bytes('abcd')]);
  });

  it('keeps the last N tokens, says how many it dropped, and keeps the begin token', () => {
    const turns = [said('adversary', 'cdef')];
    const cut = open('plain', { maxContextTokens: 5 }).context(dialogue('xyzab', ...turns));
    expect(cut).toMatchObject({ ids: bytes('bcdef'), droppedTokens: 4, lastUtterance: { start: 1, length: 4 } });
    const withBos = open('plain', { maxContextTokens: 6, tokenizer: byteTokenizer({ addsBos: true }) }).context(
      dialogue('xyzab', ...turns),
    );
    expect(withBos.ids).toEqual([byteIds.bos, ...bytes('bcdef')]);
    expect(withBos.lastUtterance).toEqual({ start: 2, length: 4 });
  });

  it('an empty prefix without a begin token is a clear error, with one it is the begin token', () => {
    expect(() => open('plain', { tokenizer: byteTokenizer({ hasBos: false }) }).context(dialogue(''))).toThrow(
      ConfigError,
    );
    expect(open('plain').context(dialogue('')).ids).toEqual([byteIds.bos]);
  });

  it('an utterance that fills the whole context is refused, since its first token would have no prefix', () => {
    expect(() => open('plain', { maxContextTokens: 4 }).context(dialogue('ab', said('adversary', 'cdef')))).toThrow(
      /maxContextTokens/,
    );
  });
});

describe('lines', () => {
  it('the newline stays in the context as the turn boundary, whether it was generated or cut off', () => {
    const context = open('lines').context(dialogue('hi', said('adversary', 'a', bytes('a\n')), said('target', 'bc')));
    expect(context.ids).toEqual(bytes('hi\na\nbc\n'));
    expect(context.lastUtterance).toEqual({ start: 5, length: 3 });
  });

  it('generation stops at the newline', () => {
    expect(open('lines').stop.stopIds).toContain(10);
  });
});

describe('chat', () => {
  const turns = [said('adversary', 'one'), said('target', 'two'), said('adversary', 'three')];

  it('to the target the adversary is the user; the ids are those of the rendered template', () => {
    const context = open('chat').context(dialogue('p', ...turns));
    const text =
      '<|open|>user\np\n\none<|close|>\n<|open|>assistant\ntwo<|close|>\n<|open|>user\nthree<|close|>\n<|open|>assistant\n';
    expect(context.ids).toEqual(tokenizer.encode(text));
    const { start, length } = context.lastUtterance ?? { start: -1, length: 0 };
    expect(tokenizer.decode(context.ids.slice(start, start + length))).toBe('three');
  });

  it('to the adversary the conversation is mirrored, under its instruction', () => {
    const context = open('chat', { role: 'adversary', system: 'be mean' }).context(dialogue('p', ...turns.slice(0, 2)));
    const text =
      '<|open|>system\nbe mean<|close|>\n<|open|>user\np<|close|>\n<|open|>assistant\none<|close|>\n<|open|>user\ntwo<|close|>\n<|open|>assistant\n';
    expect(context.ids).toEqual(tokenizer.encode(text));
  });

  it('known turns of the prompt alternate; the conversation begins with the user on both sides', () => {
    const prompt = { id: 'p', conversationId: 'c', text: 'q r', turns: ['q', 'r'] };
    const target = open('chat').context({ prompt, turns: turns.slice(0, 1) });
    expect(tokenizer.decode(target.ids, { skipSpecialTokens: false })).toBe(
      '<|open|>user\nq<|close|>\n<|open|>assistant\nr<|close|>\n<|open|>user\none<|close|>\n<|open|>assistant\n',
    );
    const adversary = open('chat', { role: 'adversary' }).context({ prompt, turns: [] });
    expect(tokenizer.decode(adversary.ids, { skipSpecialTokens: false })).toBe(
      '<|open|>user\nq\n\nr<|close|>\n<|open|>assistant\n',
    );
  });

  const chatOf = (template: string): ChatTemplate =>
    parseChatTemplate(`{% for m in messages %}${template}{% endfor %}{% if add_generation_prompt %}A:{% endif %}`, {});
  const renderedText = (template: ChatTemplate, contents: readonly string[]): string =>
    template.render(
      contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content })),
      { addGenerationPrompt: true },
    );

  it.each([
    ['trims contents', '[{{ m.content | trim }}]', [' one ', '\ttwo\n', ' three'], 'three', 3],
    [
      'cuts earlier thoughts',
      "[{{ m.content.split('</t>')[-1] if m.role == 'assistant' else m.content }}]",
      ['one', '<t>what?</t>two', 'three'],
      'three',
      1,
    ],
    ['takes a word out', "[{{ m.content.replace('/x', '') }}]", ['one', 'two', 'three/x'], 'three', 1],
  ])(
    'a template that %s is followed, and the turns that it rewrites are counted',
    (_, source, contents, last, count) => {
      const template = chatOf(source);
      const context = open('chat', { chatTemplate: template }).context(
        dialogue('', ...contents.map((text, i) => said(i % 2 === 0 ? 'adversary' : 'target', text))),
      );
      expect(context.ids).toEqual(bytes(renderedText(template, contents)));
      const { start, length } = context.lastUtterance ?? { start: -1, length: 0 };
      expect(tokenizer.decode(context.ids.slice(start, start + length))).toBe(last);
      expect([context.rewritten, context.retokenised]).toEqual([count, 0]);
    },
  );

  it('ids that the text would not be encoded to give way to the deployed prompt, and are counted', () => {
    const odd = said('adversary', 'x', [byteIds.pad, ...bytes('x')]);
    const context = open('chat').context(dialogue('', odd));
    expect(context.ids).not.toContain(byteIds.pad);
    expect(context.rewritten).toBe(1);
  });

  it('with a tokenizer that puts a space before a text, the ids are still those of the whole conversation', () => {
    const spaced = prefixSpaceTokenizer();
    const template = chatOf("{{ '[' + m.content + ']' if m.role == 'user' else ' ' + m.content + ';' }}");
    const contents = ['ab', 'cab', 'bc'];
    const context = open('chat', { tokenizer: spaced, chatTemplate: template }).context(
      dialogue(
        '',
        ...contents.map((text, i) => said(i % 2 === 0 ? 'adversary' : 'target', text, [0], byteTokenizer())),
      ),
    );
    expect(context.ids).toEqual(spaced.encode(renderedText(template, contents), { addSpecialTokens: false }));
    const { start, length } = context.lastUtterance ?? { start: -1, length: 0 };
    expect(context.ids.slice(start, start + length).map(spaced.tokenText)).toEqual(['b', 'c']);
  });

  it('over the limit it leaves out the oldest messages, so that the template stays whole', () => {
    const context = open('chat', { maxContextTokens: 40 }).context(dialogue('p', ...turns));
    expect(tokenizer.decode(context.ids, { skipSpecialTokens: false })).toBe(
      '<|open|>user\nthree<|close|>\n<|open|>assistant\n',
    );
    expect(context.droppedTokens).toBeGreaterThan(0);
  });

  it('without a template it is a clear error', () => {
    expect(() => open('chat', { chatTemplate: null })).toThrow(ConfigError);
  });
});

describe('every format', () => {
  it.each(formatKinds)('%s: reasoning that was cut is no part of what later turns see', (kind) => {
    const thought: Utterance = {
      ...said('target', 'tea', bytes('<think>hm</think>tea')),
      reasoning: 'hm',
    };
    const { ids } = open(kind).context(dialogue('p', said('adversary', 'u'), thought, said('adversary', 'v')));
    expect(tokenizer.decode(ids)).not.toContain('hm');
    expect(tokenizer.decode(ids)).toContain('tea');
  });

  it('chat: a turn without a reply is no message, and a template that opens reasoning says so', () => {
    const silent: Utterance = { ...said('target', '', []), noReply: 'no reply: an empty answer' };
    const turns = [said('adversary', 'u'), silent, said('adversary', 'v')];
    expect(tokenizer.decode(open('chat').context(dialogue('', ...turns)).ids, { skipSpecialTokens: false })).toBe(
      '<|open|>user\nu\n\nv<|close|>\n<|open|>assistant\n',
    );
    expect(open('chat', { role: 'adversary' }).context(dialogue('', ...turns.slice(0, 2))).lastUtterance).toBeNull();
    const thinking = parseChatTemplate(
      '{{ messages[0].content }}{% if add_generation_prompt %}A:<think>{% endif %}',
      {},
    );
    expect(open('chat', { chatTemplate: thinking }).opensReasoning).toBe(true);
    expect(open('chat').opensReasoning).toBe(false);
  });

  it.each(formatKinds)('%s: a text that was written elsewhere is placed as the format joins turns', (kind) => {
    const format = open(kind);
    const [begun, ended] = [dialogue('go', said('adversary', 'on')), dialogue('go', said('adversary', 'on\n'))];
    expect([format.place(begun, 'now '), format.place(ended, 'now'), format.place(dialogue(''), 'now')]).toEqual(
      { plain: [' now ', 'now', 'now'], lines: ['\nnow ', 'now', 'now'], chat: ['now', 'now', 'now'] }[kind],
    );
  });

  it.each(formatKinds)('%s: a given text goes on without a space that the tokenizer would put before it', (kind) => {
    const spaced = prefixSpaceTokenizer();
    const template = parseChatTemplate(
      "{% for m in messages %}{{ '[' + m.content + ']' if m.role == 'user' else ' ' + m.content }}{% endfor %}",
      {},
    );
    const ids = open(kind, { tokenizer: spaced, chatTemplate: template }).utterance('ab', 100);
    // Llama 2's template puts one space before a reply.
    const want = { plain: ['a', 'b'], lines: ['a', 'b', '\n'], chat: ['▁', 'a', 'b', '</s>'] }[kind];
    expect(ids.map(spaced.tokenText)).toEqual(want);
  });

  it.each(formatKinds)(
    '%s: a given text becomes the ids of an utterance as the model would have ended it, within the limit',
    (kind) => {
      const ids = open(kind).utterance('abc\ndef', 100);
      expect(tokenizer.decode(ids)).toBe({ plain: 'abc\ndef', lines: 'abc\n', chat: 'abc\ndef' }[kind]);
      expect(ids.at(-1)).toBe({ plain: bytes('f')[0], lines: 10, chat: byteIds.end }[kind]);
      expect(open(kind).utterance('abc\ndef', 2)).toEqual(bytes('ab'));
    },
  );

  it.each(formatKinds)('%s: the last utterance’s place is exact for every length', (kind) => {
    for (let length = 1; length < 9; length++) {
      const text = 'abcdefghij'.slice(0, length);
      const context = open(kind).context(
        dialogue('prompt', said('adversary', 'u'), said('target', 'v'), said('adversary', text)),
      );
      const { start, length: tokens } = present(context.lastUtterance, 'a dialogue with an utterance has its place');
      expect(tokenizer.decode(context.ids.slice(start, start + tokens)).trimEnd()).toBe(text);
    }
  });

  it.each(['plain', 'lines'] as const)(
    '%s: a longer dialogue’s context begins with the shorter one’s, so that a cache could be kept',
    (kind) => {
      const format = open(kind);
      const short = format.context(dialogue('p', said('adversary', 'u'))).ids;
      const long = format.context(dialogue('p', said('adversary', 'u'), said('target', 'v'))).ids;
      expect(long.slice(0, short.length)).toEqual(short);
    },
  );
});
