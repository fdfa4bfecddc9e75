import { describe, expect, it } from 'vitest';
import { opensReasoning, saidPart, splitReasoning } from './visibleText.js';

describe('reasoning in a text', () => {
  it.each([
    ['between tags', '<think>hm, a nettle</think>\n\nTea.', 'Tea.', 'hm, a nettle'],
    ['in other tags', '[THINK]a[/THINK]Tea. <Thought>b</Thought>Milk?', 'Tea. Milk?', 'a\nb'],
    ['before an end whose beginning is in the prompt', 'hm\n</think>\nTea.', 'Tea.', 'hm'],
    ['that never ends', 'Tea. <think>or milk', 'Tea. ', 'or milk'],
    ['that is empty', '<think>\n\n</think>\n\nTea.', 'Tea.', null],
    ['and nothing else', '<think>hm</think>', '', 'hm'],
    ['with a prefix and attributes', '<seed:think budget="9">hm</seed:think>Tea.', 'Tea.', 'hm'],
    ['under another name', '<reasoning>hm</reasoning>Tea.', 'Tea.', 'hm'],
    ['between marks of other brackets', '◁think▷hm◁/think▷Tea.', 'Tea.', 'hm'],
    ['as a thought that begins and ends', '<|begin_of_thought|>hm<|end_of_thought|>Tea.', 'Tea.', 'hm'],
    [
      'in a channel of its own',
      '<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Tea.',
      'Tea.',
      'hm',
    ],
    ['twice', '<think>a</think>Tea<think>b</think>!', 'Tea!', 'a\nb'],
    ['with a stray end after it', '<think>a</think>Tea</think>!', 'Tea!', 'a'],
  ])('%s is separated from what is said', (_, text, said, reasoning) => {
    expect(splitReasoning(text)).toEqual({ text: said, reasoning });
  });

  it('a text without tags stays as it is, white space included', () => {
    expect(splitReasoning('  if a < think > b\n')).toEqual({ text: '  if a < think > b\n', reasoning: null });
  });

  it('a prompt that opens reasoning puts the beginning of the text within it', () => {
    expect(splitReasoning('hm</think>Tea.', true)).toEqual({ text: 'Tea.', reasoning: 'hm' });
    expect(splitReasoning('hm, and then', true)).toEqual({ text: '', reasoning: 'hm, and then' });
    expect([opensReasoning('user: a\n<think>\n'), opensReasoning('<think>\n</think>\n'), opensReasoning('a')]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe('what was said', () => {
  it('holds the text, and the reasoning beside it, whether the server separates it or not', () => {
    const said = { text: 'Tea.', finishReason: 'stop', reasoning: 'hm' } as const;
    expect(saidPart('<think>hm</think>Tea.', { rule: 'cut', finishReason: 'stop' })).toEqual(said);
    expect(saidPart('Tea.', { rule: 'cut', finishReason: 'stop', reasoning: 'hm' })).toEqual(said);
  });

  it('reasoning alone is no reply, with its reason', () => {
    expect(saidPart('<think>hm', { rule: 'cut', finishReason: 'length' })).toEqual({
      text: '',
      finishReason: 'length',
      reasoning: 'hm',
      noReply: 'no reply: the token limit was spent on reasoning',
    });
    expect(saidPart('<think>hm</think>\n', { rule: 'cut', finishReason: 'stop' })).toMatchObject({
      noReply: 'no reply: reasoning alone',
    });
  });

  it('keeps the reasoning where the recipe says so', () => {
    const text = '<think>hm</think>Tea.';
    expect(saidPart(text, { rule: 'keep', finishReason: 'stop' })).toEqual({ text, finishReason: 'stop' });
    expect(saidPart('Tea.', { rule: 'keep', finishReason: 'stop', reasoning: 'hm' }).text).toBe(
      '<think>\nhm\n</think>\n\nTea.',
    );
  });
});
