import { describe, expect, it } from 'vitest';
import { parseRecipe, recipeFiles } from './readRecipe.js';
import { problemsOf, recipeHead } from './testing/recipeTexts.js';

const recipe = `${recipeHead}  - exploit: { attack: ppo, devEvery: 0 }
  - evaluate: {}
`;
const start = ['prompts.data=null', 'prompts.train=start:128', 'prompts.test=start:500'];
const parse = (set: readonly string[], text = recipe): ReturnType<typeof parseRecipe> =>
  parseRecipe(text, { file: 'r.yaml', changes: { set: [...start, ...set] } });

describe('prompts that are dialogues from the start token', () => {
  it('are named as start:N where a file could be, and are no files, not even where --set names them', () => {
    const { recipe: parsed } = parse([]);
    expect(parsed.prompts).toMatchObject({ train: 'start:128', test: 'start:500' });
    expect(recipeFiles(parsed, '/').map(({ key }) => key)).toEqual(['prompts.dev']);
  });

  it.each(['start:0', 'start:many', 'start:1.5'])('are counted: %s is refused', (source) => {
    const [problem] = problemsOf(() => parse([`prompts.test=${source}`]));
    expect(problem).toMatchObject({ key: 'prompts.test', message: expect.stringContaining('start:N') as string });
  });

  it.each([
    ['a reward of the target’s words', ['stages.ppo.reward={ targetText: 1 }'], ['prompts.train', 'prompts.test']],
    [
      'a remote adversary that continues text',
      [
        'stages.evaluate.adversaries={ far: { model: "openai:x", baseUrl: "http://127.0.0.1:1", format: plain } }',
        'stages.evaluate.rows=[far]',
      ],
      ['prompts.train'],
    ],
  ])('are refused with %s', (_, set, keys) => {
    expect(problemsOf(() => parse(set)).map(({ key }) => key)).toEqual(keys);
  });

  it('give an exploration nothing to reply to', () => {
    const explored = recipe.replace('  - exploit', '  - explore: { from: prompts }\n  - exploit');
    expect(problemsOf(() => parse([], explored)).map(({ key }) => key)).toEqual(['stages.0.explore.from']);
    expect(() => parse(['stages.explore.from=dialogues'], explored)).not.toThrow();
  });
});
