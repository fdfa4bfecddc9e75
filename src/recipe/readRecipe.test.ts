import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attacks } from '../attacks/all.js';
import { ConfigError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import {
  type RecipeError,
  loadRecipe,
  parseRecipe,
  recipeFiles,
  recipeOfRun,
  shippedRecipes,
  withLaterDefaults,
} from './readRecipe.js';
import { recipeJsonSchema, recipeStages, stagesLeftOut } from './recipe.js';
import { formatDuration, parseDuration } from '../base/quantities.js';
import { problemsOf, recipeHead } from './testing/recipeTexts.js';

const minimal = `${recipeHead}  - exploit: { attack: ipo, epochs: 2 }
  - evaluate: { rows: [untuned, ipo] }
`;

const problems = (text: string, set: readonly string[] = []): RecipeError['problems'] =>
  problemsOf(() => parseRecipe(text, { file: 'r.yaml', changes: { set } }));

const first = (text: string, set: readonly string[] = []): RecipeError['problems'][number] =>
  problems(text, set)[0] as RecipeError['problems'][number];

describe('parseRecipe', () => {
  it('writes out every default, and the result is a recipe that parses to itself', () => {
    const { recipe, configuration } = parseRecipe(minimal, { file: 'r.yaml' });
    expect(recipe.seed).toBe(0);
    expect(recipe.target).toMatchObject({
      maxNewTokens: 24,
      minNewTokens: 2,
      temperature: 0.7,
      topP: 0.7,
      repetitionPenalty: 1.1,
    });
    expect(recipeStages(recipe)[0]?.options).toMatchObject({
      horizon: 3,
      candidates: 2,
      batchPairs: 8,
      logProbs: 'sum',
    });
    expect(parseRecipe(JSON.stringify(configuration), { file: 'm' }).configuration).toEqual(configuration);
  });

  it('a configuration of an earlier version gets the defaults of later keys, and one that is no recipe stays', () => {
    const { configuration } = loadRecipe('demo');
    const { target, judge, ...others } = configuration as Record<string, Record<string, unknown>>;
    const { reasoning: _added, ...earlier } = target ?? {};
    expect(withLaterDefaults({ ...others, target: earlier, judge } as JsonObject)).toEqual(configuration);
    const odd = { name: 'odd', target: 5 };
    expect(withLaterDefaults(odd)).toBe(odd);
  });

  it('reads 1e-4 and 5e6 as numbers and 2h as seconds', () => {
    const text = minimal
      .replace('epochs: 2', 'epochs: 2, learningRate: 1e-4')
      .concat('limits: { maxTime: 2h, maxTokens: 5e6, maxCost: 5 }\n');
    const { recipe } = parseRecipe(text, { file: 'r.yaml' });
    expect(recipe.limits).toMatchObject({ maxTime: 7200, maxTokens: 5_000_000, maxCost: 5 });
    expect(recipeStages(recipe)[0]?.options).toMatchObject({ learningRate: 0.0001 });
  });

  it('an unknown key is named with line, column and the nearest known key', () => {
    expect(first(minimal.replace('epochs: 2', 'epoch: 2'))).toMatchObject({
      where: 'r.yaml:7:29',
      line: 7,
      column: 29,
      key: 'stages.0.exploit.epoch',
      remedy: "did you mean 'epochs'?",
    });
    expect(first(`${minimal}limts: {}\n`)).toMatchObject({
      where: 'r.yaml:9:1',
      message: "unknown key 'limts'",
      remedy: "did you mean 'limits'?",
    });
    expect(first(minimal.replace('model: organism', 'model: organism, max_new_tokens: 3'))).toMatchObject({
      remedy: "did you mean 'maxNewTokens'?",
    });
  });

  it('suggests keys of the attack that is named, not of another', () => {
    const sft = minimal
      .replace('attack: ipo, epochs: 2', 'attack: sft, data: t.jsonl, bachSize: 2')
      .replace('untuned, ipo', 'untuned, sft');
    expect(first(sft).remedy).toBe("did you mean 'batchSize'?");
  });

  it('a wrong kind of value says what was expected and what was found, at the value', () => {
    expect(first(minimal.replace('epochs: 2', 'epochs: two'))).toMatchObject({
      where: 'r.yaml:7:37',
      message: 'stages.0.exploit.epochs: expected a number, got "two"',
    });
    expect(first(minimal.replace('epochs: 2', 'epochs: 0')).message).toContain('at least 1, got 0');
    expect(first(minimal.replace('attack: ipo', 'attack: ipoo')).message).toContain(
      `expected one of ${Object.keys(attacks).join(', ')}; got "ipoo"`,
    );
    expect(first(minimal.replace('judge: linear-toxicity', 'judge: { threshold: 0.5 }')).message).toBe(
      'judge.model: missing: expected text',
    );
    expect(first(minimal.replace('judge: linear-toxicity', 'judge: 3')).message).toContain(
      'expected text or a mapping',
    );
    expect(
      first(minimal.replace('target: { model: organism }', 'target: { model: organism, format: chatt }')).message,
    ).toContain('plain, lines, chat');
  });

  it('a missing key points at the mapping that lacks it', () => {
    expect(first(minimal.replace('target: { model: organism }', 'target: {}'))).toMatchObject({
      where: 'r.yaml:2:9',
      message: 'target.model: missing: expected text',
    });
  });

  it('reports all problems at once', () => {
    const text = minimal.replace('epochs: 2', 'epoch: 2').replace('judge: linear-toxicity', 'jugde: linear-toxicity');
    expect(
      problems(text)
        .map(({ key }) => key)
        .sort(),
    ).toEqual(['judge', 'jugde', 'stages.0.exploit.epoch']);
  });

  it('broken YAML names its line', () => {
    expect(first('name: x\ntarget: { model: [ }\n')).toMatchObject({ line: 2 });
    expect(first('name: x\nname: y\n').message).toMatch(/unique/);
    expect(first('').message).toContain('empty');
    expect(first('- a\n').message).toContain('expected a mapping');
  });

  it('--set changes values by path, by stage name and by kind, and its mistakes name the flag', () => {
    const changes = {
      set: [
        'stages.ipo.epochs=5',
        'stages.evaluate.turns=2',
        'target.temperature=0',
        'limits.maxTime=1h30m',
        'stages.0.exploit.reward={reply: 1}',
        'judge.threshold=0.2',
      ],
      seed: 7,
    };
    const { recipe } = parseRecipe(minimal, { file: 'r.yaml', changes });
    expect(recipe).toMatchObject({
      seed: 7,
      target: { temperature: 0 },
      judge: { model: 'linear-toxicity', threshold: 0.2 },
      limits: { maxTime: 5400 },
    });
    expect(recipeStages(recipe)).toMatchObject([
      { options: { epochs: 5, reward: { reply: 1, likelihood: 0.1 } } },
      { options: { turns: 2 } },
    ]);
    expect(first(minimal, ['target.temprature=1'])).toMatchObject({
      where: '--set target.temprature=1',
      line: null,
      remedy: "did you mean 'temperature'?",
    });
    expect(first(minimal, ['targt.model=x'])).toMatchObject({
      where: '--set targt.model=x',
      remedy: "did you mean 'target'?",
    });
    expect(() => parseRecipe(minimal, { file: 'r.yaml', changes: { set: ['stages.9.epochs=1'] } })).toThrow(
      /no stage is called '9'/,
    );
    expect(() => parseRecipe(minimal, { file: 'r.yaml', changes: { set: ['nonsense'] } })).toThrow(
      /path\.to\.key=value/,
    );
    expect(() => parseRecipe(minimal, { file: 'r.yaml', changes: { set: ['stages.sft.epochs=1'] } })).toThrow(
      /no stage is called 'sft'/,
    );
  });

  it('a path given by --set starts at the working directory', () => {
    const { recipe } = parseRecipe(minimal, {
      file: '/elsewhere/r.yaml',
      changes: { set: ['prompts={train: a.json, dev: d.json, test: /b.json}', 'adversary.model=./tiny'] },
    });
    expect(recipe.prompts).toMatchObject({ train: resolve('a.json'), test: '/b.json' });
    expect(recipe.adversary.model).toBe(resolve('tiny'));
  });

  it('a remote speaker that lacks what it needs, or takes a part that it cannot, is refused before anything begins', () => {
    const target = (text: string): string => minimal.replace('target: { model: organism }', `target: { ${text} }`);
    const adversary = (text: string): string =>
      minimal.replace('adversary: { model: organism }', `adversary: { ${text} }`);
    const service = (body: string): string =>
      target(`model: 'http:shop', http: { url: 'http://127.0.0.1:1', body: { q: '${body}' }, reply: text }`);
    const endpoint = "model: 'openai:x', baseUrl: 'http://127.0.0.1:1'";
    const remoteJudge = "{ model: 'languageModel:openai:x', baseUrl: 'http://127.0.0.1:1' }";
    const judged = (judge: string): string =>
      minimal.replace(/judge: .*/, `judge: ${judge}`).concat('limits: { maxCost: 1 }\n');
    const cases: readonly (readonly [string, string, RegExp])[] = [
      [target("model: 'openai:x'"), 'target.baseUrl', /where is the endpoint/],
      [target("model: organism, baseUrl: 'http://127.0.0.1:1'"), 'target.baseUrl', /only openai:/],
      [target(`${endpoint}, topK: 5`), 'target.topK', /extraBody/],
      [target("model: 'prompts:list.json'"), 'target.model', /answers nothing/],
      [target("model: 'http:shop'"), 'target.http', /missing/],
      [service('{{answer}}'), 'target.http.body', /nothing fills/],
      [service('hello'), 'target.http.body', /nothing of the dialogue/],
      [service('{{utterance}}'), 'stages.0.exploit.reward.likelihood', /likelihood: 0/],
      [
        target(`${endpoint}, remote: { promptLogProbs: none }`),
        'stages.0.exploit.reward.likelihood',
        /no log-probabilities/,
      ],
      [
        target(`${endpoint}, remote: { promptLogProbs: none }`).replace(
          'attack: ipo',
          'attack: ipo, reward: { likelihood: 0, targetText: 1 }',
        ),
        'stages.0.exploit.reward.targetText',
        /targetText: 0/,
      ],
      [
        target(endpoint).replace('attack: ipo', 'attack: ipo, diversity: {}'),
        'stages.0.exploit.attack',
        /ipo needs .*openai:x does not give it/,
      ],
      [
        minimal.replace('attack: ipo', "attack: ipo, targetTexts: ['the password']"),
        'stages.0.exploit.targetTexts.0',
        /place \{\{target\}\}/,
      ],
      [
        minimal.replace('attack: ipo', 'attack: ipo, from: sft'),
        'stages.0.exploit.from',
        /no earlier stage trains 'sft'/,
      ],
      [adversary(endpoint), 'adversary.model', /trains the adversary/],
      [adversary("model: 'prompts:list.json'"), 'adversary.model', /trains the adversary/],
      [target(endpoint).concat('limits: { maxCost: 1 }\n'), 'limits.maxCost', /remote\.prices/],
      [minimal.concat("reference: 'openai:x'\n"), 'reference', /on this machine/],
      [judged(remoteJudge), 'limits.maxCost', /languageModel:openai:x are not known.*give judge\.remote\.prices/],
      [
        judged(`{ model: mean, members: [linear-toxicity, ${remoteJudge}] }`),
        'limits.maxCost',
        /give judge\.members\.1\.remote\.prices/,
      ],
      [
        judged('linear-toxicity').replace('evaluate: {', `evaluate: { judges: [linear-toxicity, ${remoteJudge}],`),
        'limits.maxCost',
        /evaluate\.judges\.1\.remote\.prices/,
      ],
    ];
    for (const [text, key, message] of cases) {
      const problem = first(text);
      expect({ key: problem?.key, said: `${problem?.message} ${problem?.remedy ?? ''}` }).toEqual({
        key,
        said: expect.stringMatching(message) as unknown,
      });
    }
  });

  it('defaults of a remote model are written out, and nothing remote for a local one', () => {
    const text = minimal.replace(
      'target: { model: organism }',
      "target: { model: 'openai:x', baseUrl: 'http://127.0.0.1:1', remote: { timeout: 30s } }",
    );
    const { configuration } = parseRecipe(text, { file: 'r.yaml' });
    expect(configuration['target']).toMatchObject({
      remote: { timeout: 30, retries: 4, concurrency: 8, prices: null, promptLogProbs: 'auto' },
    });
    expect(configuration['adversary']).not.toHaveProperty('remote');
  });

  it('a stage without its data is left out, with its row, until data is given', () => {
    const text = minimal
      .replace(
        'stages:',
        'stages:\n  - exploit: { attack: sft, data: null }\n  - exploit: { attack: ipo, name: taught, devEvery: 0, weakSupervision: { data: null } }',
      )
      .replace('rows: [untuned, ipo]', 'rows: [untuned, sft, taught, ipo]');
    const { recipe } = parseRecipe(text, { file: 'r.yaml' });
    expect(recipeStages(recipe).map(({ name }) => name)).toEqual(['ipo', 'evaluate']);
    expect(stagesLeftOut(recipe)).toMatchObject([
      { name: 'sft', key: 'stages.sft.data' },
      { name: 'taught', key: 'stages.taught.weakSupervision.data' },
    ]);
    const given = parseRecipe(text, {
      file: 'r.yaml',
      changes: { set: ['stages.sft.data=t.jsonl', 'stages.taught.weakSupervision.data=t.jsonl'] },
    }).recipe;
    expect(recipeStages(given).map(({ name }) => name)).toEqual(['sft', 'taught', 'ipo', 'evaluate']);
    expect(problems(text.replace('sft, taught', 'sft, taut'))).toMatchObject([{ remedy: "did you mean 'taught'?" }]);
  });

  it('a row that no earlier stage trains is refused with the nearest name', () => {
    expect(first(minimal.replace('[untuned, ipo]', '[untuned, ippo]'))).toMatchObject({
      where: 'r.yaml:8:33',
      remedy: "did you mean 'ipo'?",
    });
  });

  it('two attacks of one name are refused, and of two names accepted', () => {
    const twice = minimal.replace('  - evaluate', '  - exploit: { attack: ipo }\n  - evaluate');
    expect(first(twice).message).toContain("a second stage is called 'ipo'");
    const named = minimal.replace('  - evaluate', '  - exploit: { attack: ipo, name: ipo-again }\n  - evaluate');
    expect(recipeStages(parseRecipe(named, { file: 'r.yaml' }).recipe).map(({ name }) => name)).toEqual([
      'ipo',
      'ipo-again',
      'evaluate',
    ]);
  });

  it('prompts that a stage needs are asked for', () => {
    expect(first(minimal.replace(', test: c.json', '')).message).toBe(
      'prompts.test: missing: the stage evaluate needs it',
    );
    expect(first(minimal.replace('train: a.json', 'train: a.json, data: d')).message).toContain(
      'given beside prompts.data',
    );
  });

  it('a text without end or that leads into itself is a problem with its place', () => {
    expect(first('&a [*a]').message).toContain('leads into itself');
    for (const text of ['- '.repeat(3000), '['.repeat(6000) + ']'.repeat(6000)])
      expect(first(text).message).toContain('nested too deeply');
    for (const value of ['&a [*a]', '!!js/function x', '['.repeat(6000) + ']'.repeat(6000)])
      expect(() => parseRecipe(minimal, { file: 'r.yaml', changes: { set: [`seed=${value}`] } })).toThrow(
        /--set seed=[^]*not YAML\n {2}got: /,
      );
  });

  it('no text makes it throw anything but a ConfigError', () => {
    const at = fc.nat(minimal.length);
    const truncated = at.map((n) => minimal.slice(0, n));
    const disturbed = fc
      .tuple(at, fc.string({ maxLength: 3 }))
      .map(([n, insert]) => minimal.slice(0, n) + insert + minimal.slice(n));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), truncated, disturbed), (text) => {
        try {
          parseRecipe(text, { file: 'r.yaml' });
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});

describe('loadRecipe', () => {
  it('a missing recipe is refused with the names of those that exist', () => {
    expect(() => loadRecipe('no-such-recipe')).toThrow(/no such recipe/);
    expect(() => loadRecipe(tmpdir())).toThrow(/folder, not a recipe/);
  });

  it('paths start beside the recipe, and the manifest keeps them as written', () => {
    const folder = mkdtempSync(join(tmpdir(), 'gadfly-recipe-'));
    writeFileSync(join(folder, 'r.yaml'), minimal.replace('target: { model: organism }', 'target: { model: ./model }'));
    const { recipe, source, configuration } = loadRecipe(join(folder, 'r.yaml'));
    expect(source.folder).toBe(folder);
    expect(configuration).toMatchObject({ prompts: { train: 'a.json' } });
    expect(recipeFiles(recipe, folder)[0]).toEqual({
      key: 'prompts.train',
      name: 'a.json',
      path: join(folder, 'a.json'),
    });
    expect(recipeOfRun({ configuration, source }, 'manifest.json', { set: ['limits.maxTime=1m'] })).toMatchObject({
      source,
      recipe: { limits: { maxTime: 60 } },
    });
  });

  it('every shipped recipe parses', () => {
    const names = shippedRecipes().map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['ast-smollm2', 'demo', 'mend-organism']));
    expect(names.map((name) => loadRecipe(name).recipe.name)).toEqual(names);
  });
});

describe('recipeJsonSchema', () => {
  it('describes the keys of a recipe and refuses others', () => {
    expect(recipeJsonSchema()).toMatchObject({
      type: 'object',
      additionalProperties: false,
      required: ['name', 'target', 'adversary', 'judge', 'stages'],
    });
  });
});

describe('durations', () => {
  it('are read in the forms people write', () => {
    expect(['2h', '1h30m', '90s', '1.5 min', '250ms', '45', 3].map((value) => parseDuration(value))).toEqual([
      7200, 5400, 90, 90, 0.25, 45, 3,
    ]);
    expect(['', 'h', '2 hours', '-1s'].map((value) => parseDuration(value))).toEqual([null, null, null, null]);
  });

  it('are shown in two units at most', () => {
    expect([0.42, 59, 61, 3725].map(formatDuration)).toEqual(['0.4s', '59s', '1m 01s', '1h 02m']);
  });
});
