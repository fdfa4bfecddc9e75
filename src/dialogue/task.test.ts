import { describe, expect, it } from 'vitest';
import { ConfigError } from '../base/errors.js';
import { giveTasks, taskSchema } from './task.js';
import { promptOf } from './testing/prompts.js';
import type { Prompt } from './types.js';
import { dialogueSeenBy } from './views.js';

const options = taskSchema.parse({});
const prompt: Prompt = { ...promptOf('public text'), goal: 'Praise the tea.', meta: { category: 'tea' } };

describe('a prompt as a task', () => {
  it('tells the adversary alone the goal, the rounds and an opening; the target’s dialogue begins empty', () => {
    const [task] = giveTasks([prompt], { ...options, rounds: 4 });
    expect(task?.views?.adversary?.system).toMatch(/over 4 rounds[^]*: Praise the tea\.\n\n/);
    expect(task?.views?.adversary?.turns).toEqual(['Hello, how is your day?']);
    const seen = dialogueSeenBy('target', { prompt: task ?? prompt, turns: [] }).prompt;
    expect(seen).toEqual({ id: prompt.id, conversationId: prompt.conversationId, text: '' });
    expect(task?.meta).toEqual({ category: 'tea' });
  });

  it('tells it the background where there is one, and says nothing of it elsewhere', () => {
    const [plain, contextual] = giveTasks([prompt, { ...prompt, background: 'Tea is a plant.' }], options);
    expect(contextual?.views?.adversary?.system).toContain('The task speaks of this text:\nTea is a plant.\n\n');
    expect(plain?.views?.adversary?.system).not.toMatch(/speaks of|\{\{/);
  });

  it('keeps braces of a goal as they are, and what a view told the adversary before', () => {
    const own = { system: 'You are polite.', turns: ['Good day.'] };
    const [task] = giveTasks([{ ...prompt, goal: 'Say {{rounds}}.', views: { adversary: own } }], {
      ...options,
      opening: null,
      text: 'Do: {{goal}}',
    });
    expect(task?.views).toEqual({
      adversary: { system: 'Do: Say {{rounds}}.\n\nYou are polite.', turns: ['Good day.'] },
    });
  });

  it('needs a goal, and a text with a place for it and no place that nothing fills', () => {
    expect(() => giveTasks([promptOf('no goal')], options)).toThrow(ConfigError);
    expect(taskSchema.safeParse({ text: 'Do it.' }).success).toBe(false);
    expect(taskSchema.safeParse({ text: '{{goal}} of {{name}}' }).success).toBe(false);
  });
});
