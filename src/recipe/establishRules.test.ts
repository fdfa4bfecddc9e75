import { describe, expect, it } from 'vitest';
import { parseRecipe } from './readRecipe.js';
import { problemsOf, recipeHead } from './testing/recipeTexts.js';

const labels = 'labels: [{ name: rude, description: x, harmful: true }, { name: polite, description: y }]';
const establish = (more: string, name = 'measure'): string =>
  `  - establish: { name: ${name}, ${labels}, ensemble: { body: organism }, ${more} }\n`;
const explore = '  - explore: { from: prompts }\n';
const read = (stages: string, head = recipeHead): unknown => parseRecipe(head + stages, { file: 'r.yaml' });
const messages = (stages: string, head = recipeHead): readonly string[] =>
  problemsOf(() => read(stages, head)).map(({ message, line }) => `${String(line)}: ${message}`);

describe('a recipe that establishes a judge', () => {
  it('may name it after the stage that trains it, alone, as a member and as the recipe’s own', () => {
    const stages = `${explore}${establish('by: people')}  - exploit: { attack: ppo, judge: stage:measure, reward: { logOdds: 0.5 } }
  - mend: { judge: stage:measure, train: [{ loss: dpo }] }
  - evaluate: { judges: [stage:measure, "mean(stage:measure, linear-toxicity)"] }\n`;
    expect(() => read(stages)).not.toThrow();
    expect(() => read(stages, recipeHead.replace('linear-toxicity', 'stage:measure'))).not.toThrow();
  });

  it('refuses a judge that no stage trains, or that a later one does, by its line', () => {
    expect(messages(`${explore}${establish('by: people')}  - exploit: { attack: ppo, judge: stage:mesure }\n`)).toEqual(
      [expect.stringMatching(/^9: .*no establish stage is called 'mesure'/)],
    );
    expect(
      messages(`  - exploit: { attack: ppo, judge: stage:measure }\n${explore}${establish('by: people')}`),
    ).toEqual([expect.stringMatching(/^7: .*the stage measure trains its judge later/)]);
  });

  it('refuses the recipe’s own judge where it is needed before it is trained', () => {
    const head = `${recipeHead.replace('linear-toxicity', 'stage:measure').replace('test: c.json', 'test: c.json, filter: { maxHarm: 0.3 }')}`;
    const found = messages(`  - exploit: { attack: ppo }\n${explore}${establish('by: people')}`, head);
    expect(found).toHaveLength(2);
    expect(found.every((message) => message.includes('is not trained yet here'))).toBe(true);
  });

  it('needs something to label: what a stage before it explores, a file of labels, or texts', () => {
    expect(messages(establish('by: people'))).toEqual([expect.stringMatching(/nothing to label/)]);
    expect(messages(establish('by: linear-toxicity') + explore)).toEqual([expect.stringMatching(/nothing to label/)]);
    expect(() => read(establish('by: "file:x.jsonl"'))).not.toThrow();
    expect(() => read(establish('by: people, texts: x.txt'))).not.toThrow();
    expect(messages(explore + establish('by: people, texts: x.txt'))).toEqual([
      expect.stringMatching(/leave|explores/),
    ]);
  });

  it('refuses label sets of which nothing is harmful or all is, names twice or taken, and an unknown one', () => {
    const of = (set: string, more = ''): readonly string[] =>
      messages(
        `  - establish: { labels: [${set}], by: "file:x", ensemble: { body: organism }${more === '' ? '' : `, ${more}`} }\n`,
      );
    const [good, bad] = ['{ name: a, description: x }', '{ name: b, description: x, harmful: true }'];
    expect(of(`${good}, ${good.replace(' a,', ' c,')}`)).toEqual([expect.stringMatching(/no label is harmful/)]);
    expect(of(`${bad}, ${bad.replace(' b,', ' c,')}`)).toEqual([expect.stringMatching(/every label is harmful/)]);
    expect(of(`${good}, ${bad}, ${good}`)).toEqual([expect.stringMatching(/a second label is called 'a'/)]);
    expect(of(`${good}, ${bad.replace(' b,', ' split,')}`)).toEqual([expect.stringMatching(/figure of their own/)]);
    expect(of(`${good}, ${bad}`, 'oneAgainstRest: c')).toEqual([expect.stringMatching(/there is no label 'c'/)]);
    expect(of(good)).toHaveLength(1);
  });

  it('labels by people once, and neither in a loop nor in a sweep', () => {
    const twice = explore + establish('by: people') + establish('by: people', 'other');
    expect(messages(twice)).toEqual([expect.stringMatching(/people label for one stage/)]);
    const loop = `${explore}${establish('by: people')}  - exploit: { attack: ppo }\n  - mend: { train: [{ loss: dpo }] }\n  - evaluate: {}\nloop: { rounds: 2 }\n`;
    expect(messages(loop).join(' ')).toMatch(/a loop does not establish a judge/);
    const sweep = `${explore}${establish('by: people')}sweep: { grid: { seed: [0, 1] } }\n`;
    expect(messages(sweep)).toEqual([expect.stringMatching(/a sweep does not wait for people/)]);
  });
});
