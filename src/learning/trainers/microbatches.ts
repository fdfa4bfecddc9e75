/** How a batch is cut into pieces that fit into memory. Only the cut depends on the budget, never the result: losses are normalised by
 *  the whole batch, so that a batch of 8 equals 8 accumulated batches of 1. */

/** Items grouped so that (longest item) × (items) stays within the budget; an item above it stands alone.
 *  @param tokens tokens of each item
 *  @returns indices, longest items first: neighbours of like length waste little padding */
export function planMicrobatches(tokens: readonly number[], budgetTokens: number): readonly (readonly number[])[] {
  const order = tokens.map((_, i) => i).sort((a, b) => (tokens[b] as number) - (tokens[a] as number) || a - b);
  const out: number[][] = [];
  let longest = 0;
  for (const item of order) {
    const current = out.at(-1);
    if (current !== undefined && (current.length + 1) * longest <= budgetTokens) current.push(item);
    else {
      out.push([item]);
      longest = tokens[item] as number;
    }
  }
  return out;
}
