/** Products of attacks, as files under models/NAME: a model in Hugging Face layout, a planner that steers the recipe's
 *  adversary, or what a search has found for each prompt, with an adversary.json that says which. A folder without that
 *  file is a language model: runs of earlier versions kept nothing else. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { FormatError } from '../base/errors.js';
import { writeFileAtomic } from '../base/files.js';
import { jsonText, readJsonObject } from '../base/json.js';
import { requireVersion } from '../base/readAs.js';
import { type Find, findSchema } from '../speakers/adversaries/finds.js';

const productSchema = z.discriminatedUnion('kind', [
  z.looseObject({ kind: z.literal('languageModel'), attack: z.string().optional() }),
  z.looseObject({ kind: z.literal('planner'), attack: z.string().optional() }),
  z.looseObject({
    kind: z.literal('finds'),
    attack: z.string().optional(),
    /** One per prompt that was searched, in their order. */
    finds: z.array(findSchema),
  }),
]);

export type Product =
  | { readonly kind: 'languageModel' | 'planner'; readonly attack?: string | undefined }
  | { readonly kind: 'finds'; readonly attack?: string | undefined; readonly finds: readonly Find[] };

const fileName = 'adversary.json';
/** The version of the form that this code writes and reads. */
const productVersion = 1;

export function writeProduct(folder: string, product: Product): void {
  writeFileAtomic(join(folder, fileName), `${jsonText({ schema: productVersion, ...product }, 1)}\n`);
}

/** Reads the product in a folder. @throws FormatError for a kind that this version does not know */
export function readProduct(folder: string): Product {
  const path = join(folder, fileName);
  if (!existsSync(path)) return { kind: 'languageModel' };
  const value = readJsonObject(path);
  requireVersion(value, productVersion, 'adversary', path);
  const parsed = productSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new FormatError('this adversary is of a kind that this version does not know', {
    where: path,
    expected: 'kind languageModel or planner, or kind finds with a list of them',
    got: JSON.stringify(value['kind'] ?? null),
    remedy: 'Use a newer version of Gadfly.',
    cause: parsed.error,
  });
}
