/** Groups of sequences that are run together: of similar length, so that little is padding, and of bounded size. */

/** Indices of the sequences, by batch; each batch has at most `budget` tokens with its padding (a longer sequence is a
 *  batch of its own).
 *  @param lengths tokens of each sequence */
export function tokenBatches(lengths: readonly number[], budget: number): readonly (readonly number[])[] {
  const order = lengths.map((_, index) => index).sort((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0) || a - b);
  const batches: number[][] = [];
  let room = 0;
  for (const index of order) {
    // Sorted by falling length: the first of a batch sets the width of its rows.
    const current = batches.at(-1);
    if (current === undefined || room < 1) {
      batches.push([index]);
      room = Math.floor(budget / Math.max(1, lengths[index] ?? 1)) - 1;
    } else {
      current.push(index);
      room--;
    }
  }
  return batches;
}
