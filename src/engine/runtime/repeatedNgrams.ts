/** Which tokens would repeat an n-gram of a row: those that have followed its last n − 1 tokens before, in the prompt or
 *  among the new tokens. Semantics of transformers' NoRepeatNGramLogitsProcessor (generation/logits_process.py); a row is
 *  indexed as it grows, not anew for every token. */

export interface RepeatedNgrams {
  /** Returns the tokens that would end an n-gram of the row. Each once, in the order in which they came. */
  readonly next: () => ReadonlySet<number>;
  /** Takes the row's next token. */
  readonly push: (id: number) => void;
}

const none: ReadonlySet<number> = new Set();

/** @param size n; 0 = nothing is found
 *  @param ids the row so far */
export function createRepeatedNgrams(size: number, ids: readonly number[]): RepeatedNgrams {
  if (size === 0) return { next: () => none, push: () => undefined };
  const followers = new Map<string, Set<number>>();
  let last: readonly number[] = [];
  const push = (id: number): void => {
    if (last.length === size - 1) {
      const key = last.join();
      const found = followers.get(key);
      if (found === undefined) followers.set(key, new Set([id]));
      else found.add(id);
    }
    last = size === 1 ? [] : [...last, id].slice(1 - size);
  };
  ids.forEach(push);
  return { next: () => (last.length === size - 1 ? followers.get(last.join()) : undefined) ?? none, push };
}
