/** Which matrix is the vocabulary head. What the file holds wins over what config.json says: a head that is stored
 *  beside a table that it is said to be, with other values, is the head; a table that is missing where its head is
 *  stored is that head. Source: transformers 5.23 `tie_weights` of `modeling_utils.py`. */
import { architectureOf } from './all.js';
import type { Checkpoint, CheckpointTensor } from './checkpoints/checkpoint.js';
import type { Architecture } from './family.js';

export interface LanguageModelFile {
  readonly architecture: Architecture;
  /** Without a stored head that is the table again. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
}

/** The architecture of a checkpoint and the tensors that it asks for.
 *  @throws ConfigError for a configuration that is not a known language model's */
export async function readLanguageModelFile({
  source,
  config,
  tensors,
}: Pick<Checkpoint, 'source' | 'config' | 'tensors'>): Promise<LanguageModelFile> {
  const architecture = architectureOf(config, 'language', source);
  if (!architecture.config.tiedHead) return { architecture, tensors };
  const untied = architectureOf({ ...config, tie_word_embeddings: false }, 'language', source);
  const { head: table, prefix } = architecture;
  const stored = find(tensors, [untied.head.name, untied.head.otherName]);
  if (stored === null) return { architecture, tensors };
  const embeddings = find(tensors, [table.name, table.name.slice(prefix.length)]);
  const others = new Map([...tensors].filter(([name]) => name !== stored.name));
  if (embeddings === null) return { architecture, tensors: others.set(table.name, stored) };
  return (await areEqual(stored, embeddings)) ? { architecture, tensors: others } : { architecture: untied, tensors };
}

function find(
  tensors: ReadonlyMap<string, CheckpointTensor>,
  names: readonly (string | undefined)[],
): CheckpointTensor | null {
  const name = names.find((each) => each !== undefined && tensors.has(each));
  return name === undefined ? null : (tensors.get(name) ?? null);
}

async function areEqual(a: CheckpointTensor, b: CheckpointTensor): Promise<boolean> {
  if (a.shape.join() !== b.shape.join()) return false;
  const [left, right] = [await a.read(), await b.read()];
  return left.every((value, i) => value === right[i]);
}
