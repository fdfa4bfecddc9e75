import { describe, expect, it } from 'vitest';
import { parseRecipe, type RecipeError } from './readRecipe.js';
import { problemsOf, recipeHead } from './testing/recipeTexts.js';

const recipe = `${recipeHead}  - exploit: { attack: ipo }
  - mend: { train: [{ loss: adpo }] }
  - evaluate: {}
`;
const loop = 'loop: { rounds: 2 }\n';
const mend = 'stages.1.mend';

const problems = (text: string, set: readonly string[]): RecipeError['problems'] =>
  problemsOf(() => parseRecipe(text, { file: 'r.yaml', changes: { set } }));

describe('rules about mending', () => {
  it('a recipe that attacks, mends and evaluates is fine, in a loop too', () => {
    for (const text of [recipe, recipe + loop]) expect(() => parseRecipe(text, { file: 'r.yaml' })).not.toThrow();
  });

  it('what cannot be mended, or with what it cannot, is refused before anything begins, at its key and with a remedy', () => {
    const endpoint = '{ model: "openai:x", baseUrl: "http://127.0.0.1:1" }';
    const cases: readonly (readonly [readonly string[], string, RegExp])[] = [
      [[`target=${endpoint}`], 'target.model', /must be a model on this machine/],
      [['stages.mend.lora={}'], `${mend}.lora`, /as: text/],
      [['stages.mend.twin=null'], `${mend}.train.0.loss`, /twin is null/],
      [['stages.mend.train=[{ loss: dpo }, { loss: dpo }]'], `${mend}.train.1.name`, /second model/],
      [['stages.mend.train=[{ loss: dpo, name: ipo }]'], `${mend}.train.0.name`, /second model/],
      [['stages.mend.failures.attacks=[ipa]'], `${mend}.failures.attacks.0`, /did you mean 'ipo'/],
      [['stages.evaluate.targets=[adpa]'], 'stages.2.evaluate.targets.0', /did you mean 'adpo'/],
      [['stages.0.exploit={ attack: sft, data: d.json }'], mend, /no failures to mend/],
      [
        ['stages.mend.candidates.writer={ model: "prompts:list.json" }'],
        `${mend}.candidates.writer.model`,
        /answers nothing/,
      ],
      [
        ['stages.mend.candidates.writer={ model: "openai:x" }'],
        `${mend}.candidates.writer.baseUrl`,
        /where is the endpoint/,
      ],
      [
        ['stages.mend.candidates.writer={ model: organism, minNewTokens: 9, maxNewTokens: 8 }'],
        `${mend}.candidates.writer.minNewTokens`,
        /must not exceed/,
      ],
      [
        [`stages.mend.candidates.writer=${endpoint}`, 'limits.maxCost=1'],
        'limits.maxCost',
        /candidates\.writer\.remote\.prices/,
      ],
    ];
    for (const [set, key, message] of cases) {
      const [problem] = problems(recipe, set);
      expect({ key: problem?.key, said: `${problem?.message ?? ''} ${problem?.remedy ?? ''}` }).toEqual({
        key,
        said: expect.stringMatching(message) as unknown,
      });
    }
  });

  it('a loop attacks, mends with one stage to one model, and evaluates', () => {
    const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
      [recipe.replace('  - evaluate: {}\n', ''), [], /evaluates every round/],
      [recipe.replace('  - mend: { train: [{ loss: adpo }] }\n', ''), [], /one mend stage, not 0/],
      [recipe.replace('  - exploit: { attack: ipo }\n', ''), ['stages.mend.failures.data=d.jsonl'], /a loop attacks/],
      [recipe, ['stages.mend.train=[{ loss: adpo }, { loss: dpo }]'], /this stage makes several/],
      [recipe, ['stages.mend.failures.attacks=[ipo]'], /failures of all rounds/],
    ];
    for (const [text, set, message] of cases)
      expect(problems(text + loop, set).map((each) => each.message)).toContainEqual(expect.stringMatching(message));
  });

  it('the defaults of a remote writer are written out', () => {
    const { recipe: parsed } = parseRecipe(recipe, {
      file: 'r.yaml',
      changes: { set: ['stages.mend.candidates.writer={ model: "openai:x", baseUrl: "http://127.0.0.1:1" }'] },
    });
    expect(parsed.stages[1]?.mend?.candidates.writer).toMatchObject({ remote: { timeout: 120, prices: null } });
  });
});
