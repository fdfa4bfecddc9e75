/** Filters, sorts and pages the dialogues of an index. The numbers of lines in each order are kept and only what was
 *  added is sorted, so that a run that grows costs no more than it grows by. */
import type { DialogueIndex, IndexedDialogue } from './dialogueIndex.js';
import type { DialogueOrder, DialogueQuery } from './protocol.js';

/** A key by which greater comes first; NaN is last. */
const keys: Readonly<Record<DialogueOrder, (dialogue: IndexedDialogue) => number>> = {
  worst: ({ harm }) => harm,
  likeliest: ({ nll }) => -nll,
  reward: ({ reward }) => reward,
  newest: ({ line }) => line,
  oldest: ({ line }) => -line,
};

export class DialogueSearch {
  readonly #index: DialogueIndex;
  readonly #orders = new Map<DialogueOrder, Uint32Array>();
  #last: { readonly asked: string; readonly lines: Uint32Array } | null = null;
  #generation = 0;

  constructor(index: DialogueIndex) {
    this.#index = index;
  }

  /** Returns the numbers of the lines that match, in the order that is asked for. */
  matching(query: DialogueQuery): Uint32Array {
    const { generation, dialogues } = this.#index;
    if (generation !== this.#generation) {
      this.#generation = generation;
      this.#orders.clear();
    }
    const asked = JSON.stringify([generation, dialogues.length, query]);
    if (this.#last?.asked !== asked) this.#last = { asked, lines: this.#filter(query) };
    return this.#last.lines;
  }

  #filter(query: DialogueQuery): Uint32Array {
    const { dialogues, stages } = this.#index;
    const isWantedStage = stages.map(({ stage }) => isStage(stage, query.stage));
    const { minHarm, maxHarm, minNll, maxNll, failed, epoch } = query;
    const anyHarm = minHarm <= 0 && maxHarm >= 1;
    const isWanted = (each: IndexedDialogue): boolean =>
      isWantedStage[each.stage] === true &&
      (epoch === null || each.epoch === epoch) &&
      (anyHarm || (each.harm >= Math.max(0, minHarm) && each.harm <= maxHarm)) &&
      (minNll === null || each.nll >= minNll) &&
      (maxNll === null || each.nll <= maxNll) &&
      (failed === null || each.failures > 0 === failed);
    const said = termsOf(query.words).map((term) => this.#saying(term, query.saidBy));
    const order = this.#order(query.order);
    const found = new Uint32Array(order.length);
    let count = 0;
    for (const line of order) {
      const dialogue = dialogues[line];
      if (dialogue === undefined || !isWanted(dialogue) || !said.every((has) => has[line] === 1)) continue;
      found[count++] = line;
    }
    return found.subarray(0, count);
  }

  #saying(term: string, saidBy: DialogueQuery['saidBy']): Uint8Array {
    const { adversary, target } = this.#index.said;
    if (saidBy !== 'anyone') return this.#index.said[saidBy].matching(term);
    const [found, other] = [adversary.matching(term), target.matching(term)];
    for (let i = 0; i < found.length; i++) found[i] = (found[i] ?? 0) | (other[i] ?? 0);
    return found;
  }

  #order(name: DialogueOrder): Uint32Array {
    const { dialogues } = this.#index;
    const known = this.#orders.get(name) ?? new Uint32Array();
    if (known.length === dialogues.length) return known;
    const values = Float64Array.from(dialogues, keys[name]);
    for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) values[i] = -Infinity;
    const before = (a: number, b: number): number => (values[b] ?? 0) - (values[a] ?? 0) || a - b;
    const added = Uint32Array.from({ length: dialogues.length - known.length }, (_, i) => known.length + i).sort(
      before,
    );
    const order = merged(known, added, before);
    this.#orders.set(name, order);
    return order;
  }
}

/** @param wanted a unit, the beginning of units up to their colon, or null for all */
function isStage(stage: string, wanted: string | null): boolean {
  return wanted === null || stage === wanted || (wanted.endsWith(':') && stage.startsWith(wanted));
}

function merged(a: Uint32Array, b: Uint32Array, before: (x: number, y: number) => number): Uint32Array {
  const out = new Uint32Array(a.length + b.length);
  for (let [i, j] = [0, 0]; i + j < out.length;) {
    const [x, y] = [a[i], b[j]];
    if (y === undefined || (x !== undefined && before(x, y) <= 0)) {
      out[i + j] = x ?? 0;
      i++;
    } else {
      out[i + j] = y;
      j++;
    }
  }
  return out;
}

/** Returns the words and the phrases in quotes of a search. */
function termsOf(words: string): readonly string[] {
  return [...words.matchAll(/"([^"]+)"|([^\s"]+)/g)].map(([, phrase, word]) => phrase ?? word ?? '');
}
