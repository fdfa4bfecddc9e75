import { expect, it } from 'vitest';
import { parseRecipe } from './readRecipe.js';
import { problemsOf, recipeHead } from './testing/recipeTexts.js';

const recipe = `${recipeHead}  - exploit: { attack: ipo }
  - estimate: { proposal: ipo }
`;
const keys = (...set: readonly string[]): readonly (string | undefined)[] =>
  problemsOf(() => parseRecipe(recipe, { file: 'r.yaml', changes: { set } })).map(({ key }) => key);
const isFine = (...set: readonly string[]): void => {
  expect(() => parseRecipe(recipe, { file: 'r.yaml', changes: { set } })).not.toThrow();
};

it('lets dialogues be tilted towards an earlier stage or a model, and nothing else', () => {
  isFine();
  isFine('stages.estimate.proposal=./tilted');
  expect(keys('stages.estimate.proposal=ipoo')).toEqual(['stages.1.estimate.proposal']);
  expect(keys('stages.estimate.proposal=untuned')).toEqual(['stages.1.estimate.proposal']);
});

it('tilts dialogues of users on this machine alone', () => {
  const remote = 'adversary={ model: "openai:x", baseUrl: "http://127.0.0.1:1" }';
  expect(keys(remote)).toContain('stages.1.estimate.proposal');
  expect(keys('stages.estimate.users=openai:x')).toContain('stages.1.estimate.proposal');
});

it('needs a pilot, or both of what a pilot chooses', () => {
  expect(keys('stages.estimate.pilot=0', 'stages.estimate.mixture=0.2')).toEqual(['stages.1.estimate.pilot']);
  isFine('stages.estimate.pilot=0', 'stages.estimate.mixture=0.2', 'stages.estimate.tempering=0.5');
  isFine('stages.estimate.pilot=0', 'stages.estimate.mixture=1');
});

it('takes events by name', () => {
  isFine('stages.estimate.event=[dialogue, reply, label:rude]');
  expect(keys('stages.estimate.event=words')).toEqual(['stages.1.estimate.event']);
});
