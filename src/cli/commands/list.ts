/** `gadfly list`: what exists, from the tables themselves. */
import { unreachable } from '../../base/invariant.js';
import { modelAliases } from '../../engine/models/checkpoints/sources/aliases.js';
import type { CommandDefinition } from '../command.js';
import { formatTable } from '../../render/terminal/table.js';

const kinds = ['attacks', 'targets', 'judges', 'datasets', 'recipes'] as const;
type Kind = (typeof kinds)[number];

interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly [further: string]: string | readonly string[];
}

export const listCommand: CommandDefinition = {
  name: 'list',
  summary: 'what a recipe can name',
  argument: { form: '<kind>', summary: 'what to list', choices: kinds },
  flags: [],
  examples: ['gadfly list attacks', 'gadfly list recipes --json'],
  run: async (argument) => {
    const kind = argument as Kind; // Commander has checked it against `choices`.
    const entries = await entriesOf(kind);
    return {
      json: { [kind]: entries },
      text: formatTable(
        [kind.slice(0, -1), 'what it is'],
        entries.map(({ name, summary }) => [name, summary]),
      ),
    };
  },
};

async function entriesOf(kind: Kind): Promise<readonly Entry[]> {
  switch (kind) {
    case 'attacks': {
      const { attacks } = await import('../../attacks/all.js');
      return Object.entries(attacks).map(([name, { summary, kind: attackKind, needs, product, adversary }]) => ({
        name,
        summary,
        kind: attackKind,
        needs,
        product,
        adversary,
      }));
    }
    case 'targets':
      return targetForms;
    case 'judges': {
      const { judgeKinds } = await import('../../speakers/judges/all.js');
      return Object.values(judgeKinds).map(({ form, summary }) => ({ name: form, summary }));
    }
    case 'datasets': {
      const { datasetFormats } = await import('../../dialogue/datasets/all.js');
      return Object.entries(datasetFormats).map(([name, { summary }]) => ({ name, summary }));
    }
    case 'recipes': {
      const { loadRecipe, shippedRecipes } = await import('../../recipe/readRecipe.js');
      return shippedRecipes().map(({ name, file }) => ({
        name,
        summary: loadRecipe(name).recipe.description ?? '',
        file,
      }));
    }
    default:
      return unreachable(kind);
  }
}

/** Forms of model ids: local ones open as a target, an adversary or for `generate` and `score`. */
const targetForms: readonly Entry[] = [
  { name: 'organism', summary: 'the small model that the package ships, with planted failures' },
  ...Object.entries(modelAliases).map(([name, { summary }]) => ({ name, summary })),
  {
    name: './dir',
    summary: 'a folder in Hugging Face layout, or a PEFT adapter (Llama, GPT-2, Qwen, Gemma and other families)',
  },
  { name: './file.gguf', summary: 'a GGUF file: weights, tokenizer and chat template in one' },
  {
    name: 'hf:org/name',
    summary: 'a model of the Hugging Face hub, fetched once; @revision and /file.gguf may follow',
  },
  {
    name: 'openai:NAME',
    summary:
      'an OpenAI-compatible endpoint at baseUrl (vLLM, llama.cpp, Ollama, hosted), as target or as prompted adversary',
  },
  {
    name: 'http:NAME',
    summary:
      'any JSON service, as target, by a template of its request and the path of its reply (http: url, headers, body, reply)',
  },
  { name: 'prompts:FILE', summary: 'a list of prompts, as adversary: one utterance a turn, in order' },
  {
    name: 'function',
    summary: 'a TypeScript function, as target, through the library: createFunctionTarget({ name, reply })',
  },
];
