import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseRecipe, type RecipeError } from './readRecipe.js';
import { planSweep } from './sweepPlan.js';
import { keyLabels, pointNames, sweepEntries, valueText } from './sweepPoints.js';
import { problemsOf, recipeHead } from './testing/recipeTexts.js';

const recipe = `${recipeHead}  - exploit: { attack: ipo, epochs: 2 }
  - mend: { train: [{ loss: adpo }, { loss: sft }] }
  - evaluate: {}
`;

const plan = (sweep: string, set: readonly string[] = []) =>
  planSweep({ text: `${recipe}sweep: ${sweep}\n`, file: '/recipes/r.yaml', changes: { set } });

const problems = (sweep: string, set: readonly string[] = []): RecipeError['problems'] =>
  problemsOf(() => plan(sweep, set));

describe('the points of a sweep', () => {
  it('a grid runs its combinations in the order written, the last key fastest', () => {
    const { points, keys } = plan('{ grid: { stages.mend.train.0.gamma: [0, 0.2], seed: [3, 1] } }');
    expect(points.map(({ name }) => name)).toEqual([
      '01-gamma=0,seed=3',
      '02-gamma=0,seed=1',
      '03-gamma=0.2,seed=3',
      '04-gamma=0.2,seed=1',
    ]);
    expect(points.map(({ values }) => Object.values(values))).toEqual([
      [0, 3],
      [0, 1],
      [0.2, 3],
      [0.2, 1],
    ]);
    expect(keys).toEqual([
      { key: 'stages.mend.train.0.gamma', label: 'gamma', path: ['stages', '1', 'mend', 'train', '0', 'gamma'] },
      { key: 'seed', label: 'seed', path: ['seed'] },
    ]);
  });

  it('a point is the recipe without its sweep, with its values set', () => {
    const { points, base } = plan('{ grid: { stages.ipo.beta: [0.2] } }');
    const written = parseRecipe(recipe.replace('epochs: 2', 'epochs: 2, beta: 0.2'), { file: '/recipes/r.yaml' });
    expect(points[0]?.loaded).toEqual(written);
    expect(base.recipe.sweep).toEqual({ grid: { 'stages.ipo.beta': [0.2] } });
  });

  it('a list runs its entries as they stand; keys that an entry leaves alone keep the recipe’s value', () => {
    const { points } = plan('{ list: [{ stages.ipo.beta: 0.2, stages.mend.train.0.form: paired }, {}, { seed: 5 }] }');
    expect(points.map(({ name }) => name)).toEqual(['01-beta=0.2,form=paired', '02-as-written', '03-seed=5']);
    expect(points.map(({ values }) => Object.values(values))).toEqual([
      [0.2, 'paired', 0],
      [0.05, 'joint', 0],
      [0.05, 'joint', 5],
    ]);
  });

  it('a swept loss takes the defaults of its own kind', () => {
    const { points } = plan('{ grid: { stages.mend.train.0.loss: [adpo, dpo] } }');
    const betas = points.map(
      ({ loaded }) => (loaded.recipe.stages[1]?.mend?.train[0] as { readonly beta?: number }).beta,
    );
    expect(betas).toEqual([0.3, 0.9]);
  });

  it('paths in the recipe stay relative to it; those of --set start at the working directory', () => {
    const written = plan('{ grid: { prompts.train: [one.json, two.json] } }').points.map(({ loaded }) => [
      loaded.recipe.prompts.train,
      loaded.source.folder,
    ]);
    expect(written).toEqual([
      ['one.json', '/recipes'],
      ['two.json', '/recipes'],
    ]);
    const typed = plan('null', ['sweep={grid: {prompts.train: [one.json], target.model: [./m, organism]}}']).points;
    expect(
      typed.map(
        ({
          loaded: {
            recipe: { prompts, target },
          },
        }) => [prompts.train, target.model],
      ),
    ).toEqual([
      [resolve('one.json'), resolve('m')],
      [resolve('one.json'), 'organism'],
    ]);
  });

  it('--set takes a whole sweep, a key of its grid, or null for none', () => {
    const names = (set: string): readonly string[] => plan('null', [set]).points.map(({ name }) => name);
    expect(names('sweep={grid: {stages.ipo.beta: [0.1, 0.2]}}')).toEqual(['01-beta=0.1', '02-beta=0.2']);
    expect(names('sweep.grid.stages.ipo.beta=[0.1, 0.2]')).toEqual(['01-beta=0.1', '02-beta=0.2']);
    expect(() => plan('{ grid: { seed: [0, 1] } }', ['sweep=null'])).toThrow('sweeps nothing');
  });
});

describe('what a sweep refuses', () => {
  it('names every problem of every point at once, with place, point and the nearest known key', () => {
    const found = problems(
      '{ grid: { stages.ipo.beta: [-1, x], sed: [0, 1], stages.ip.epochs: [1], stages.mend.train.5.gamma: [1] } }',
    );
    expect(found.map(({ where, message, remedy }) => [where, message, remedy])).toEqual([
      [
        '/recipes/r.yaml:10:76',
        "stages.ip.epochs: no stage is called 'ip' (point 01-beta=-1,sed=0,epochs=1,gamma=1 and 3 more)",
        "Did you mean 'ipo'?",
      ],
      [
        '/recipes/r.yaml:10:108',
        "stages.mend.train.5.gamma: stages.1.mend.train is a list without an entry '5' (point 01-beta=-1,sed=0,epochs=1,gamma=1 and 3 more)",
        'known: 0, 1',
      ],
      [
        '/recipes/r.yaml:10:36',
        'stages.0.exploit.beta: must be above 0, got -1 (point 01-beta=-1,sed=0,epochs=1,gamma=1 and 1 more)',
        null,
      ],
      [
        '/recipes/r.yaml:10:50',
        "unknown key 'sed' (point 01-beta=-1,sed=0,epochs=1,gamma=1 and 3 more)",
        "did you mean 'seed'?",
      ],
      [
        '/recipes/r.yaml:10:40',
        'stages.0.exploit.beta: expected a number, got "x" (point 03-beta=x,sed=0,epochs=1,gamma=1 and 1 more)',
        null,
      ],
    ]);
  });

  it('rules across keys hold for each point', () => {
    expect(problems('{ grid: { stages.ipo.branch: [2, 3] } }')[0]?.message).toBe(
      'stages.0.exploit.branch: must not exceed candidates (2) (point 02-branch=3)',
    );
  });

  it('two points with the same recipe', () => {
    expect(problems('{ grid: { seed: [1, 1] } }')[0]?.message).toBe(
      'the point 02-seed=1 is the same recipe as 01-seed=1',
    );
    expect(problems('{ list: [{}, { stages.ipo.beta: 0.05 }] }')[0]?.message).toContain(
      'the same recipe as 01-as-written',
    );
  });

  it('one place set twice: by two keys, by a flag, or the sweep by itself', () => {
    expect(problems('{ grid: { stages.ipo.beta: [0.1], stages.0.exploit.beta: [0.2] } }')[0]?.message).toContain(
      "'stages.ipo.beta' sets the same place",
    );
    expect(problems('{ grid: { stages.ipo.beta: [0.1] } }', ['stages.ipo.beta=3'])[0]?.message).toContain(
      '--set stages.ipo.beta=3 sets it, and so does the sweep',
    );
    expect(problems('{ grid: { sweep.grid: [1] } }')[0]?.message).toContain('cannot sweep itself');
  });

  it('grid and list together, neither, no values, and more points than anyone means', () => {
    expect(problems('{ grid: { seed: [1] }, list: [{ seed: 1 }] }')[0]?.message).toContain('exactly one of grid, list');
    expect(problems('{}')[0]?.message).toContain('exactly one of grid, list');
    expect(problems('{ grid: { seed: [] } }')[0]?.message).toContain('must not be empty');
    const many = JSON.stringify(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(problems(`{ grid: { seed: ${many}, stages.ipo.epochs: ${many} } }`)[0]?.message).toContain(
      '1600 points, more than 1000',
    );
  });
});

describe('names', () => {
  it('a key is called by the shortest last parts that mean no other and begin with no number', () => {
    const labels = keyLabels([
      'target.temperature',
      'adversary.temperature',
      'stages.mend.train.0.gamma',
      'stages.mend.train.0',
      'seed',
    ]);
    expect([...labels.values()]).toEqual(['target.temperature', 'adversary.temperature', 'gamma', 'train.0', 'seed']);
  });

  it('fit any file system, and are unique even when their values look alike', () => {
    const values = ['../a b/c:d?.json', 'x'.repeat(300), { a: 1 }, null, '', [1, 1.5], true, 1e-7, '…'];
    expect(values.map(valueText)).toEqual([
      'c_d_.json',
      'x'.repeat(32),
      'a_1',
      'null',
      'empty',
      '1+1.5',
      'true',
      '1e-7',
      'empty',
    ]);
    const names = pointNames(sweepEntries({ grid: { 'target.system': ['a?', 'a!', 'a*'] } }), new Map());
    expect(names).toEqual(['01-target.system=a', '02-target.system=a', '03-target.system=a']);
  });
});
