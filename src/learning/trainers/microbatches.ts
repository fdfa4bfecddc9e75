/** How a batch is cut into pieces that fit into memory. Only the cut depends on the budget, never the result: losses
 *  are normalised by the whole batch, so that a batch of 8 equals 8 accumulated batches of 1. */

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

/** Items laid end to end in rows, best fit decreasing: longest first, each into the fullest row that has room for it,
 *  or a new one.
 *  @param tokens tokens of each item
 *  @returns each row's items and their tokens together; at most `rowTokens`, but for an item above that, which has a
 *    row of its own */
export function fillRows(
  tokens: readonly number[],
  rowTokens: number,
): readonly { readonly items: readonly number[]; readonly tokens: number }[] {
  const order = tokens.map((_, i) => i).sort((a, b) => (tokens[b] as number) - (tokens[a] as number) || a - b);
  const rows: { items: number[]; tokens: number }[] = [];
  for (const item of order) {
    const length = tokens[item] as number;
    let fullest: (typeof rows)[number] | null = null;
    for (const row of rows) if (row.tokens + length <= rowTokens && row.tokens > (fullest?.tokens ?? -1)) fullest = row;
    if (fullest === null) rows.push({ items: [item], tokens: length });
    else {
      fullest.items.push(item);
      fullest.tokens += length;
    }
  }
  return rows;
}
