/** `gadfly config`: the schema of a recipe, and a check of one without running it. */
import { existsSync } from 'node:fs';
import { recipeChanges } from '../command.js';
import type { CommandDefinition } from '../command.js';
import { recipeFiles } from '../../recipe/readRecipe.js';
import { recipeJsonSchema } from '../../recipe/recipe.js';
import type { JsonValue } from '../../base/json.js';
import { loadExperiment } from '../../recipe/sweepPlan.js';

export const configSchemaCommand: CommandDefinition = {
  name: 'config schema',
  summary: 'the JSON Schema of a recipe',
  flags: [],
  examples: ['gadfly config schema > recipe.schema.json'],
  run: async () => {
    const schema = recipeJsonSchema() as JsonValue;
    return { json: schema, text: JSON.stringify(schema, null, 2) };
  },
};

export const configValidateCommand: CommandDefinition = {
  name: 'config validate',
  summary: 'check a recipe; prints it with every default',
  argument: { form: '<recipe>', summary: 'a file, or the name of a shipped recipe' },
  flags: [
    { flags: '--set <path=value>', summary: 'change a value first; may be repeated', parse: 'list' },
    { flags: '--seed <n>', summary: 'change the seed', parse: 'integer' },
  ],
  examples: ['gadfly config validate my.yaml', 'gadfly config validate demo --set stages.ipo.epochs=3'],
  run: async (argument = '', flags, context) => {
    const { loaded, plan } = loadExperiment(argument, recipeChanges(flags));
    const { configuration, source } = loaded;
    const files = (plan?.points.map((point) => point.loaded) ?? [loaded]).flatMap(({ recipe }) =>
      recipeFiles(recipe, source.folder),
    );
    const byPath = new Map(files.map((file) => [`${file.key} ${file.path}`, file]));
    const missing = [...byPath.values()].filter(({ path }) => !existsSync(path));
    for (const { key, path } of missing) context.log(`warning: ${key} names a file that is not there: ${path}`);
    const { stringify } = await import('yaml');
    return {
      json: {
        valid: true,
        file: source.file,
        missingFiles: missing.map(({ key, path }) => ({ key, path })),
        configuration,
        ...(plan === null ? {} : { points: plan.points.map(({ name, values }) => ({ name, values })) }),
      },
      text: `# ${source.file ?? ''}: valid${plan === null ? '' : `, a sweep of ${plan.points.length} points:\n${plan.points.map(({ name }) => `#   ${name}`).join('\n')}`}\n${stringify(configuration)}`,
    };
  },
};
