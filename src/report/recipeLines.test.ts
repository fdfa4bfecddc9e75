import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRecipeLines } from './recipeLines.js';

const root = mkdtempSync(join(tmpdir(), 'gadfly-lines-'));
const folder = join(root, 'recipes');
mkdirSync(folder);
writeFileSync(
  join(folder, 'my recipe.yaml'),
  'name: x\n# a comment\nstages:\n  - exploit: { attack: ipo }\n  - exploit:\n      attack: sft\n      name: taught\n  - evaluate: { turns: 1 }\n',
);
const configuration = {
  stages: [
    { exploit: { attack: 'ipo', name: 'ipo' } },
    { exploit: { attack: 'sft', name: 'taught' } },
    { evaluate: {} },
  ],
};
const source = { file: join(folder, 'my recipe.yaml'), folder };

describe('readRecipeLines', () => {
  it('finds the stage that made a row: its attack, of whatever round, else the evaluation', () => {
    const { lineOf } = readRecipeLines({ name: 'x', source, configuration });
    expect(['ipo', 'ipo-2@adpo-1', 'taught', 'untuned', 'untuned@adpo-1'].map(lineOf)).toEqual([4, 4, 5, 8, 8]);
  });

  it('gives an address inside the repository, else the working folder, else of the machine', () => {
    const uri = (from: string): string => readRecipeLines({ name: 'x', source, configuration }, from).uri;
    expect(uri(root)).toBe('recipes/my%20recipe.yaml');
    expect(uri(join(root, 'elsewhere'))).toMatch(/^file:\/\/\/.*\/recipes\/my%20recipe\.yaml$/);
    mkdirSync(join(root, '.git'));
    expect(uri(join(root, 'elsewhere'))).toBe('recipes/my%20recipe.yaml');
  });

  it('says line 1 where the file is gone or there was none', () => {
    const gone = readRecipeLines({ name: 'x', source: { file: join(folder, 'gone.yaml'), folder }, configuration });
    expect(gone.lineOf('ipo')).toBe(1);
    const none = readRecipeLines({ name: 'a b', source: { file: null, folder }, configuration });
    expect([none.uri, none.lineOf('ipo')]).toEqual(['a%20b.yaml', 1]);
  });
});
