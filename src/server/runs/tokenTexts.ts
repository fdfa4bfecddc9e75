/** Splits recorded turns into the texts of their tokens. A run keeps ids and the id of their tokenizer; the tokenizer is
 *  that of one of its models, or of the organism. */
import { join } from 'node:path';
import { listFolder } from '../../base/files.js';
import { assetPath } from '../../base/packageRoot.js';
import type { RecordedTurn } from '../../dialogue/records.js';
import { readTokenizerFiles } from '../../engine/models/checkpoints/huggingFace.js';
import { loadTokenizer, type Tokenizer } from '../../engine/text/tokenizer.js';
import type { ShownToken } from './protocol.js';

const loaded = new Map<string, Promise<Tokenizer | null>>();

/** Returns the tokens of a turn; null where they are not recorded, no tokenizer at hand reads them, or they are not what
 *  the text says. */
export async function tokensOf(run: string, turn: RecordedTurn): Promise<readonly ShownToken[] | null> {
  const { tokenizer: id, ids, logProbs, text } = turn;
  if (id === undefined || ids === undefined) return null;
  const tokenizer = await findTokenizer(run, id);
  if (tokenizer === null) return null;
  const decoder = new TextDecoder();
  const tokens = ids.map((token, i) => ({
    text: decoder.decode(tokenizer.tokenBytes(token), { stream: true }),
    nll: logProbs?.[i] === undefined ? null : -logProbs[i],
  }));
  const whole = tokens.map((token) => token.text).join('');
  return whole.trim().startsWith(text.trim()) ? tokens : null;
}

async function findTokenizer(run: string, id: string): Promise<Tokenizer | null> {
  const models = join(run, 'models');
  for (const folder of [...listFolder(models).map((name) => join(models, name)), assetPath('organism')]) {
    const known = loaded.get(folder) ?? openTokenizer(folder);
    loaded.set(folder, known);
    const tokenizer = await known;
    if (tokenizer?.reads(id) === true) return tokenizer;
  }
  return null;
}

/** Turns of a model without a tokenizer that can be read are shown without shading. */
async function openTokenizer(folder: string): Promise<Tokenizer | null> {
  try {
    const files = await readTokenizerFiles(folder);
    return files === null ? null : loadTokenizer(files);
  } catch {
    return null;
  }
}
