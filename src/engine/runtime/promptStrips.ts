/** Packs prompts for one reading. Prompts that begin alike share those tokens, as a tree, and trees lie side by side in
 *  packed sequences (strips) of about the same length. A token sees those of its own prompt alone, so it is computed once for all
 *  prompts that contain it, and rows of different lengths waste no padding. Tokens at a prompt's beginning
 *  that are known from an earlier reading come first in its strip and are not computed again. All functions are pure. */
import { present } from '../../base/invariant.js';

/** Token ids from `at` of a strip on, `length` of them; they are consecutive in the prompt as well. */
export interface StripSpan {
  readonly at: number;
  readonly length: number;
}

export interface PromptToPack {
  readonly ids: readonly number[];
  /** Number of tokens at its beginning that have been read before; less than all. */
  readonly known: number;
}

export interface PackedPrompt {
  readonly strip: number;
  /** The whole prompt in order. */
  readonly spans: readonly StripSpan[];
}

export interface Strip {
  readonly ids: readonly number[];
  /** Place of each token in its prompt. */
  readonly positions: readonly number[];
  /** Index in the strip of the token before, −1 for the first of a prompt. */
  readonly parents: readonly number[];
  /** Number of known tokens, which come first. */
  readonly known: number;
  /** Sources of the known tokens, in order: `length` of a prompt's tokens from `position` on. */
  readonly sources: readonly { readonly prompt: number; readonly position: number; readonly length: number }[];
}

export interface PackedPrompts {
  readonly strips: readonly Strip[];
  /** Packed prompts, in the order given. */
  readonly prompts: readonly PackedPrompt[];
}

/** Returns the number of tokens that two prompts have in common at their beginning. */
export function sharedLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let shared = 0;
  while (shared < most && a[shared] === b[shared]) shared++;
  return shared;
}

/** Orders prompts so that those that begin alike are neighbours: a prompt before its continuations. */
export function comparePrompts(a: readonly number[], b: readonly number[]): number {
  const shared = sharedLength(a, b);
  return (a[shared] ?? -1) - (b[shared] ?? -1);
}

/** Groups neighbours that have at least half of the shorter one in common, as lists of indices. */
export function familiesOf(prompts: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const families: number[][] = [];
  prompts.forEach((ids, index) => {
    const before = prompts[index - 1] ?? [];
    const alike = index > 0 && 2 * sharedLength(before, ids) >= Math.min(before.length, ids.length);
    if (alike) families.at(-1)?.push(index);
    else families.push([index]);
  });
  return families;
}

/** Packs prompts in the order given; a prompt shares tokens with the one before it, so neighbours should begin alike.
 *  @param stripLength a strip ends where the next family would make it longer; a family is cut only where it is longer
 *    than twice that, a prompt never */
export function packPrompts(prompts: readonly PromptToPack[], stripLength: number): PackedPrompts {
  const packed: PackedPrompt[] = [];
  const strips = shareOut(prompts, stripLength).map((members, strip) =>
    fillStrip(prompts, members, (index, spans) => {
      packed[index] = { strip, spans };
    }),
  );
  return { strips, prompts: packed };
}

/** Returns the prompts of each strip. */
function shareOut(prompts: readonly PromptToPack[], stripLength: number): readonly (readonly number[])[] {
  const strips: number[][] = [];
  let length = Infinity;
  const open = (): void => {
    strips.push([]);
    length = 0;
  };
  for (const family of familiesOf(prompts.map(({ ids }) => ids))) {
    const added = family.map(
      (index, n) =>
        idsOf(prompts, index).length - (n === 0 ? 0 : sharedLength(idsOf(prompts, index - 1), idsOf(prompts, index))),
    );
    if (length + added.reduce((sum, each) => sum + each, 0) > stripLength) open();
    family.forEach((index, n) => {
      const own = added[n] ?? 0;
      const isCut = length > 0 && length + own > 2 * stripLength;
      if (isCut) open();
      strips.at(-1)?.push(index);
      length += isCut ? idsOf(prompts, index).length : own;
    });
  }
  return strips;
}

function idsOf(prompts: readonly PromptToPack[], index: number): readonly number[] {
  return present(prompts[index], 'strips hold prompt indices').ids;
}

interface OpenStrip {
  readonly ids: number[];
  readonly positions: number[];
  readonly parents: number[];
}

interface PlacedPrompt extends PromptToPack {
  readonly spans: readonly StripSpan[];
}

const nothingPlaced: PlacedPrompt = { ids: [], known: 0, spans: [] };

/** Fills a strip with the known tokens of all its prompts, then with those to read. A token is shared by neighbours that both know it, or both do
 *  not. */
function fillStrip(
  prompts: readonly PromptToPack[],
  members: readonly number[],
  report: (prompt: number, spans: readonly StripSpan[]) => void,
): Strip {
  const sources: Strip['sources'][number][] = [];
  const strip: OpenStrip = { ids: [], positions: [], parents: [] };
  let before = nothingPlaced;
  const begun = members.map((index): PlacedPrompt & { readonly index: number } => {
    const { ids, known } = present(prompts[index], 'strips hold prompt indices');
    const shared = Math.min(sharedLength(before.ids, ids), before.known, known);
    if (known > shared) sources.push({ prompt: index, position: shared, length: known - shared });
    before = {
      ids,
      known,
      spans: append(strip, ids, { from: shared, to: known }, sliceSpans(before.spans, 0, shared)),
    };
    return { ...before, index };
  });
  const known = strip.ids.length;
  before = nothingPlaced;
  for (const { index, ...prompt } of begun) {
    const { ids } = prompt;
    const shared = before.known === prompt.known ? Math.max(prompt.known, sharedLength(before.ids, ids)) : prompt.known;
    const spans = append(
      strip,
      ids,
      { from: shared, to: ids.length },
      shared > prompt.known ? sliceSpans(before.spans, 0, shared) : prompt.spans,
    );
    before = { ...prompt, spans };
    report(index, spans);
  }
  return { ...strip, known, sources };
}

/** Writes tokens of a prompt to the end of the strip. @returns the prompt's spans with them */
function append(
  strip: OpenStrip,
  ids: readonly number[],
  { from, to }: { readonly from: number; readonly to: number },
  spans: readonly StripSpan[],
): readonly StripSpan[] {
  if (from >= to) return spans;
  const at = strip.ids.length;
  const last = spans.at(-1);
  strip.parents.push(last === undefined ? -1 : last.at + last.length - 1);
  for (let position = from; position < to; position++) {
    strip.ids.push(present(ids[position], 'a token of the prompt'));
    strip.positions.push(position);
    if (position > from) strip.parents.push(strip.ids.length - 2);
  }
  return [...spans, { at, length: to - from }];
}

/** Returns the spans of the tokens `from` … `to` − 1. */
export function sliceSpans(spans: readonly StripSpan[], from: number, to: number): readonly StripSpan[] {
  let start = 0;
  return spans.flatMap(({ at, length }) => {
    const [first, last] = [Math.max(from - start, 0), Math.min(to - start, length)];
    start += length;
    return first < last ? [{ at: at + first, length: last - first }] : [];
  });
}

/** Returns the index in its strip of a prompt's token. */
export function tokenIndex({ spans }: PackedPrompt, position: number): number {
  let left = position;
  for (const { at, length } of spans) {
    if (left < length) return at + left;
    left -= length;
  }
  throw new RangeError(`the prompt has no token ${position}`);
}

/** Low enough that softmax gives exactly 0. */
const hidden = -1e30;

/** Writes the term added to attention scores beside the causal mask, f32 [strips, 1, T, W]: 0 if a token to read sees
 *  another, that is its ancestors and itself. A strip's row t is its token known + t; column w its token w.
 *  @param bias_STW written, whole */
export function writeStripBias(
  strips: readonly Strip[],
  { T, W }: { readonly T: number; readonly W: number },
  bias_STW: Float32Array,
): void {
  bias_STW.fill(hidden);
  strips.forEach(({ parents, known }, s) => {
    for (let index = known; index < parents.length; index++) {
      const rowOf = (token: number): number => (s * T + token - known) * W;
      const row = rowOf(index);
      const parent = parents[index] ?? -1;
      if (parent >= known) bias_STW.copyWithin(row, rowOf(parent), rowOf(parent) + parent + 1);
      else for (let token = parent; token >= 0; token = parents[token] ?? -1) bias_STW[row + token] = 0;
      bias_STW[row + index] = 0;
    }
  });
}

/** Divides strips into passes: each has about as many tokens and scored tokens as the limits allow, at least one strip. A strip
 *  with known tokens has a pass of its own (the kernel continues one row at a time). */
export function planPasses(
  strips: readonly Strip[],
  scoredOfStrip: readonly number[],
  limits: { readonly tokens: number; readonly scoredTokens: number },
): readonly (readonly number[])[] {
  const passes: number[][] = [];
  let longest = 0;
  let scored = 0;
  let isOpen = false;
  strips.forEach(({ ids, known }, index) => {
    const own = present(scoredOfStrip[index], 'a count for every strip');
    const pass = passes.at(-1);
    const fits =
      pass !== undefined &&
      isOpen &&
      known === 0 &&
      (pass.length + 1) * Math.max(longest, ids.length) <= limits.tokens &&
      scored + own <= limits.scoredTokens;
    if (fits) pass.push(index);
    else passes.push([index]);
    longest = fits ? Math.max(longest, ids.length) : ids.length;
    scored = (fits ? scored : 0) + own;
    isOpen = known === 0;
  });
  return passes;
}
