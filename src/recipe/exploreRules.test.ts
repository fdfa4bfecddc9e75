import { describe, expect, it } from 'vitest';
import { parseRecipe } from './readRecipe.js';
import { problemsOf, recipeHead } from './testing/recipeTexts.js';

const recipe = `${recipeHead}  - explore: {}
  - evaluate: {}
`;
const remote = 'target={ model: "openai:x", baseUrl: "http://127.0.0.1:1" }';

describe('rules about exploring', () => {
  it('ask nothing of a remote target that it cannot give', () => {
    const problems = problemsOf(() => parseRecipe(recipe, { file: 'r.yaml', changes: { set: [remote] } }));
    expect(problems.map(({ key }) => key)).toEqual(
      ['from', 'topK', 'noRepeatNgram', 'embed'].map((key) => `stages.0.explore.${key}`),
    );
    const set = [
      remote,
      'stages.explore.from=prompts',
      'stages.explore.topK=0',
      'stages.explore.noRepeatNgram=0',
      'stages.explore.embed={ model: organism }',
    ];
    expect(() => parseRecipe(recipe, { file: 'r.yaml', changes: { set } })).not.toThrow();
  });

  it('refuse lengths and thresholds that no sample could meet', () => {
    const keys = (set: readonly string[]): readonly (string | undefined)[] =>
      problemsOf(() => parseRecipe(recipe, { file: 'r.yaml', changes: { set } })).map(({ key }) => key);
    expect(keys(['stages.explore.minWords=5', 'stages.explore.maxWords=4'])).toEqual(['stages.0.explore.maxWords']);
    expect(keys(['stages.explore.nearDuplicate=0'])).toEqual(['stages.0.explore.nearDuplicate']);
  });

  it.each([
    ['{}', 'topic'],
    ['{ words: [tea], examples: tea.txt, atLeast: 0.3 }', 'topic'],
    ['{ examples: tea.txt }', 'topic.atLeast'],
    ['{ words: [tea], atLeast: 0.3 }', 'topic.atLeast'],
    ['{ words: ["…"] }', 'topic.words.0'],
  ])('take one kind of topic with what belongs to it, not %s', (topic, key) => {
    const changes = { set: [`stages.explore.topic=${topic}`] };
    const [problem] = problemsOf(() => parseRecipe(recipe, { file: 'r.yaml', changes }));
    expect(problem?.key).toBe(`stages.0.explore.${key}`);
  });

  it('let a model on this machine be explored from its start token, but not in a loop', () => {
    expect(() => parseRecipe(recipe, { file: 'r.yaml' })).not.toThrow();
    const loop = `${recipe}  - exploit: { attack: ipo }\n  - mend: { train: [{ loss: adpo }] }\nloop: { rounds: 2 }\n`;
    const [problem] = problemsOf(() => parseRecipe(loop, { file: 'r.yaml' }));
    expect(problem).toMatchObject({ key: 'loop', message: 'loop: a loop does not explore' });
  });
});
