/** Parses the id of a model, which has the same form wherever a model is named. It does not look for the model. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../../../base/errors.js';
import { isModelAlias, modelAliases, type ModelAliasName } from './aliases.js';

export type ModelId =
  /** A model that the package ships; name null for the target itself. */
  | { readonly kind: 'organism'; readonly name: string | null }
  | { readonly kind: 'path'; readonly path: string }
  /** A repository of the model hub, or one GGUF file of it. */
  | { readonly kind: 'hub'; readonly repository: string; readonly revision: string; readonly file: string | null }
  | { readonly kind: 'openai'; readonly name: string }
  | { readonly kind: 'alias'; readonly name: ModelAliasName };

/** For messages and help. */
export const modelIdForms: readonly string[] = [
  'organism, organism:judge',
  './directory (config.json, model.safetensors, tokenizer.json)',
  './file.gguf',
  'hf:org/name[@revision][/file.gguf]',
  'openai:NAME',
  ...Object.keys(modelAliases),
];

/** Parses a model id. @throws ConfigError with the list of forms when the id has none of them */
export function parseModelId(modelId: string): ModelId {
  if (isModelAlias(modelId)) return { kind: 'alias', name: modelId };
  if (modelId === 'organism') return { kind: 'organism', name: null };
  const [, scheme = '', rest = ''] = /^(organism|hf|openai):(.*)$/s.exec(modelId) ?? [];
  if (scheme === 'organism' && /^[a-z][a-z0-9-]*$/.test(rest)) return { kind: 'organism', name: rest };
  if (scheme === 'openai' && rest !== '') return { kind: 'openai', name: rest };
  if (scheme === 'hf') return parseHub(rest, modelId);
  if (scheme === '' && isPath(modelId))
    return { kind: 'path', path: modelId.startsWith('~/') ? join(homedir(), modelId.slice(2)) : modelId };
  throw unknownModelId(modelId, 'unknown model id');
}

function parseHub(text: string, modelId: string): ModelId {
  const match = /^([\w.-]+\/[\w.-]+)(?:@([^@]+?))?(?:\/([^@]+\.gguf))?$/i.exec(text);
  const [, repository = '', revision = 'main', file = null] = match ?? [];
  const parts = [...repository.split('/'), ...revision.split('/'), ...(file ?? 'x').split('/')];
  if (match === null || parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\\'))) {
    throw unknownModelId(modelId, 'not a model of the hub');
  }
  return { kind: 'hub', repository, revision, file };
}

/** Tells whether `text` is a path: it begins like one, names a GGUF file, or leads through a directory. */
function isPath(text: string): boolean {
  return (
    /^(\.{1,2}$|\.{0,2}[/\\]|~\/|[A-Za-z]:[/\\])/.test(text) ||
    /\.gguf$/i.test(text) ||
    (/[/\\]/.test(text) && !text.includes(':'))
  );
}

function unknownModelId(modelId: string, summary: string): ConfigError {
  return new ConfigError(summary, {
    where: 'model',
    expected: `one of\n    ${modelIdForms.join('\n    ')}`,
    got: JSON.stringify(modelId),
  });
}
