/** Texts kept for full-text search: bytes of their small letters, many texts to a block, outside of the heap. */

const separator = 0;
const blockChars = 1 << 18;

interface Block {
  readonly bytes: Buffer;
  /** Offset of each text. */
  readonly starts: Uint32Array;
  /** Number of its first text. */
  readonly first: number;
}

export class TextStore {
  #blocks: Block[] = [];
  #waiting: string[] = [];
  #waitingChars = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(text: string): void {
    this.#waiting.push(text.toLowerCase().replaceAll('\0', ' '));
    this.#waitingChars += text.length + 1;
    this.#length++;
    if (this.#waitingChars >= blockChars) this.#close();
  }

  /** Returns, per text, 1 where it has the words, case aside, and 0 elsewhere. */
  matching(words: string): Uint8Array {
    this.#close();
    const found = new Uint8Array(this.#length);
    const needle = Buffer.from(words.toLowerCase().replaceAll('\0', ' '), 'utf8');
    for (const { bytes, starts, first } of this.#blocks) {
      for (let at = bytes.indexOf(needle); at !== -1;) {
        const text = lastAtMost(starts, at);
        found[first + text] = 1;
        const next = starts[text + 1];
        at = next === undefined ? -1 : bytes.indexOf(needle, next);
      }
    }
    return found;
  }

  #close(): void {
    if (this.#waiting.length === 0) return;
    const parts = this.#waiting.map((text) => Buffer.from(text, 'utf8'));
    const starts = new Uint32Array(parts.length);
    let at = 0;
    parts.forEach((part, i) => {
      starts[i] = at;
      at += part.length + 1;
    });
    const bytes = Buffer.alloc(at, separator);
    parts.forEach((part, i) => {
      part.copy(bytes, starts[i]);
    });
    this.#blocks.push({ bytes, starts, first: this.#length - parts.length });
    this.#waiting = [];
    this.#waitingChars = 0;
  }
}

/** Returns the place of the last value that is at most `limit`; the values rise, and the first is 0. */
function lastAtMost(values: Uint32Array, limit: number): number {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((values[middle] ?? 0) <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}
