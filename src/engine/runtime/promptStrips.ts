/** Prompts packed for one reading: prompts that begin alike share those tokens, as a tree, and trees lie side by side in strips of
 *  about the same length. A token sees those of its own prompt alone, so it is computed once for all prompts that contain it, and rows
 *  of different lengths waste no padding. Pure. */
import { present } from '../../base/invariant.js';

/** Token ids from `at` of a strip on, `length` of them; they are consecutive in the prompt as well. */
export interface StripSpan {
  readonly at: number;
  readonly length: number;
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
}

export interface PackedPrompts {
  readonly strips: readonly Strip[];
  /** In the order given. */
  readonly prompts: readonly PackedPrompt[];
}

/** How many tokens two prompts have in common at their beginning. */
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

/** Runs of neighbours that have at least half of the shorter one in common, as index ranges. */
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
 *  @param stripLength a strip ends where the next family would make it longer; a family is cut only where it is longer than twice that,
 *  a prompt never */
export function packPrompts(prompts: readonly (readonly number[])[], stripLength: number): PackedPrompts {
  const strips: OpenStrip[] = [];
  const packed: PackedPrompt[] = [];
  for (const family of familiesOf(prompts)) {
    const members = family.map((index) => present(prompts[index], 'families hold prompt indices'));
    const tokens = members.reduce((sum, ids, n) => sum + ids.length - sharedLength(members[n - 1] ?? [], ids), 0);
    let strip = strips.at(-1);
    let before: PlacedPrompt = { ids: [], spans: [] };
    if (strip === undefined || strip.ids.length + tokens > stripLength) strips.push((strip = { ids: [], positions: [], parents: [] }));
    for (const ids of members) {
      if (strip.ids.length > 0 && strip.ids.length + ids.length - sharedLength(before.ids, ids) > 2 * stripLength) {
        strips.push((strip = { ids: [], positions: [], parents: [] }));
        before = { ids: [], spans: [] };
      }
      const spans = place(ids, before, strip);
      packed.push({ strip: strips.length - 1, spans });
      before = { ids, spans };
    }
  }
  return { strips, prompts: packed };
}

interface OpenStrip extends Strip {
  readonly ids: number[];
  readonly positions: number[];
  readonly parents: number[];
}

interface PlacedPrompt {
  readonly ids: readonly number[];
  readonly spans: readonly StripSpan[];
}

/** Writes what a prompt does not share with the one before to the end of the strip. */
function place(ids: readonly number[], before: PlacedPrompt, strip: OpenStrip): readonly StripSpan[] {
  const shared = sharedLength(before.ids, ids);
  const spans = firstTokens(before.spans, shared);
  if (shared === ids.length) return spans;
  const at = strip.ids.length;
  const last = spans.at(-1);
  strip.parents.push(last === undefined ? -1 : last.at + last.length - 1);
  for (let position = shared; position < ids.length; position++) {
    strip.ids.push(present(ids[position], 'a token of the prompt'));
    strip.positions.push(position);
    if (position > shared) strip.parents.push(strip.ids.length - 2);
  }
  return [...spans, { at, length: ids.length - shared }];
}

function firstTokens(spans: readonly StripSpan[], count: number): StripSpan[] {
  const first: StripSpan[] = [];
  let left = count;
  for (const { at, length } of spans) {
    if (left === 0) break;
    first.push({ at, length: Math.min(length, left) });
    left -= Math.min(length, left);
  }
  return first;
}

/** Index in its strip of a prompt's token. */
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

/** What is added to attention scores beside the causal mask, f32 [strips, 1, T, T]: 0 where a token sees another, that is its ancestors and itself.
 *  @param bias_STT written, whole */
export function writeStripBias(strips: readonly Strip[], T: number, bias_STT: Float32Array): void {
  bias_STT.fill(hidden);
  strips.forEach(({ parents }, s) => {
    parents.forEach((parent, index) => {
      const row = (s * T + index) * T;
      if (parent >= 0) bias_STT.copyWithin(row, (s * T + parent) * T, (s * T + parent) * T + parent + 1);
      bias_STT[row + index] = 0;
    });
  });
}

/** Strips read in one pass: about as many tokens and scored tokens as the limits allow, at least one strip. */
export function planPasses(
  strips: readonly Strip[],
  scoredOfStrip: readonly number[],
  limits: { readonly tokens: number; readonly scoredTokens: number },
): readonly (readonly number[])[] {
  const passes: number[][] = [];
  let longest = 0;
  let scored = 0;
  strips.forEach(({ ids }, index) => {
    const own = present(scoredOfStrip[index], 'a count for every strip');
    const pass = passes.at(-1);
    const fits = pass !== undefined && (pass.length + 1) * Math.max(longest, ids.length) <= limits.tokens && scored + own <= limits.scoredTokens;
    if (fits) pass.push(index);
    else passes.push([index]);
    longest = fits ? Math.max(longest, ids.length) : ids.length;
    scored = (fits ? scored : 0) + own;
  });
  return passes;
}
