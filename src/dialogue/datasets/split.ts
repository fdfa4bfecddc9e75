/** Splits prompts by conversation, each by a draw of its own: adding or removing conversations moves no other. */
import { openStream, streamKey } from '../../base/random.js';
import { invariant } from '../../base/invariant.js';
import { textIndex } from '../identity.js';
import type { Prompt } from '../types.js';

export const splitParts = ['train', 'dev', 'test'] as const;
export type SplitPart = (typeof splitParts)[number];

/** Expected share of the conversations, each ≥ 0, together at most 1; what is left over goes to no part. */
export type SplitShares = Readonly<Record<SplitPart, number>>;

/** The shares of arXiv 2407.09447. */
const paperShares: SplitShares = { train: 0.8, dev: 0.05, test: 0.15 };

export function splitPrompts(
  prompts: readonly Prompt[],
  { seed, shares = paperShares }: { readonly seed: number; readonly shares?: SplitShares },
): Readonly<Record<SplitPart, readonly Prompt[]>> {
  const parts: Record<SplitPart, Prompt[]> = { train: [], dev: [], test: [] };
  for (const prompt of prompts) {
    const part = partOf(prompt.conversationId, seed, shares);
    if (part !== null) parts[part].push(prompt);
  }
  return parts;
}

/** Returns the part of a conversation, which does not depend on other conversations; null for the share that is left
 *  over. */
function partOf(conversationId: string, seed: number, shares: SplitShares): SplitPart | null {
  const total = splitParts.reduce((sum, part) => sum + shares[part], 0);
  invariant(
    splitParts.every((part) => shares[part] >= 0) && total <= 1 + 1e-9,
    'shares of a split are at least 0 and together at most 1',
  );
  // Shares that sum to 1 within rounding leave nothing over.
  const draw =
    openStream(streamKey(seed, 'split', textIndex(conversationId))).uniform() * (total > 1 - 1e-9 ? total : 1);
  let bound = 0;
  for (const part of splitParts) {
    bound += shares[part];
    if (draw < bound) return part;
  }
  return null;
}
