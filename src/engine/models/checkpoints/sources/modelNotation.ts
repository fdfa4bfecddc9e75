/** How a model is named, one notation everywhere: parsed, not yet looked for. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../../../base/errors.js';

export type ModelNotation =
  /** A model that the package ships; name null for the target itself. */
  | { readonly kind: 'organism'; readonly name: string | null }
  | { readonly kind: 'path'; readonly path: string }
  /** A repository of the model hub, or one GGUF file of it. */
  | { readonly kind: 'hub'; readonly repository: string; readonly revision: string; readonly file: string | null }
  | { readonly kind: 'openai'; readonly name: string }
  | { readonly kind: 'smollm2' };

/** For messages and help. */
export const notationForms: readonly string[] = [
  'organism, organism:judge',
  './directory (config.json, model.safetensors, tokenizer.json)',
  './file.gguf',
  'hf:org/name[@revision][/file.gguf]',
  'openai:NAME',
  'smollm2',
];

/** @throws ConfigError with the list of forms when the notation has none of them */
export function parseModelNotation(notation: string): ModelNotation {
  if (notation === 'smollm2') return { kind: 'smollm2' };
  if (notation === 'organism') return { kind: 'organism', name: null };
  const [, scheme = '', rest = ''] = /^(organism|hf|openai):(.*)$/s.exec(notation) ?? [];
  if (scheme === 'organism' && /^[a-z][a-z0-9-]*$/.test(rest)) return { kind: 'organism', name: rest };
  if (scheme === 'openai' && rest !== '') return { kind: 'openai', name: rest };
  if (scheme === 'hf') return parseHub(rest, notation);
  if (scheme === '' && isPath(notation))
    return { kind: 'path', path: notation.startsWith('~/') ? join(homedir(), notation.slice(2)) : notation };
  throw unknownNotation(notation, 'unknown notation of a model');
}

function parseHub(text: string, notation: string): ModelNotation {
  const match = /^([\w.-]+\/[\w.-]+)(?:@([^@]+?))?(?:\/([^@]+\.gguf))?$/i.exec(text);
  const [, repository = '', revision = 'main', file = null] = match ?? [];
  const parts = [...repository.split('/'), ...revision.split('/'), ...(file ?? 'x').split('/')];
  if (match === null || parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\\'))) {
    throw unknownNotation(notation, 'not a model of the hub');
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

function unknownNotation(notation: string, summary: string): ConfigError {
  return new ConfigError(summary, {
    where: 'model',
    expected: `one of\n    ${notationForms.join('\n    ')}`,
    got: JSON.stringify(notation),
  });
}
