/** Weighted grammars: text from rules, with exact probabilities. Idea: a symbol has weighted alternatives, each a
 *  template of text and `{symbol}`s. Words of the text may carry marks (features such as "names a cousin"); because
 *  marks of a text are the union of the marks of its words, the distribution of mark sets under a symbol is computed
 *  exactly, and texts can be drawn on condition of their marks, however rare. `{symbol@variable}` means the rule
 *  `symbol.VALUE` of a variable such as the weather. A rule file is checked when compiled. */
import { invariant, present } from '../src/base/invariant.js';
import type { RandomStream } from '../src/base/random.js';
import type { MarkSet } from '../src/speakers/judges/organismModes.js';

/** Symbol → alternatives, each 'template' or 'weight: template' (weight 1 when absent). */
export type Rules = Readonly<Record<string, readonly string[]>>;
/** Variable → value. */
export type Setting = Readonly<Record<string, string>>;

type Part =
  | { readonly kind: 'text'; readonly text: string; readonly marks: MarkSet }
  | { readonly kind: 'symbol'; readonly name: string; readonly variable: string | null };

interface Alternative {
  /** Weights of a symbol sum to 1. */
  readonly weight: number;
  readonly parts: readonly Part[];
}

export interface Grammar {
  readonly symbols: ReadonlyMap<string, readonly Alternative[]>;
  /** Variables that a symbol's text depends on, itself or through others; sorted. */
  readonly dependencies: ReadonlyMap<string, readonly string[]>;
  readonly cache: Map<string, ReadonlyMap<MarkSet, number>>;
}

export interface MarkCondition {
  /** The marks that matter. */
  readonly within: MarkSet;
  /** Those of them that the text shall have; the others it shall not. */
  readonly wanted: MarkSet;
}

export interface Drawn {
  readonly text: string;
  /** Log-probability of the derivation, nats; the text's own is at least this. */
  readonly logProb: number;
}

/** @param marksOf the marks of a stretch of text, from its words alone
 *  @param variables the values each variable may take; every rule that one can reach must exist */
export function compileGrammar(
  rules: Rules,
  marksOf: (text: string) => MarkSet,
  variables: Readonly<Record<string, readonly string[]>>,
): Grammar {
  const symbols = new Map<string, readonly Alternative[]>();
  for (const [name, templates] of Object.entries(rules)) {
    const parsed = templates.map((template) => parseTemplate(template, marksOf));
    const total = parsed.reduce((sum, { weight }) => sum + weight, 0);
    symbols.set(
      name,
      parsed.map(({ weight, parts }) => ({ weight: weight / total, parts })),
    );
  }
  const dependencies = new Map<string, readonly string[]>();
  const visit = (name: string, trail: readonly string[]): readonly string[] => {
    invariant(!trail.includes(name), `the grammar has a circle: ${[...trail, name].join(' → ')}`);
    const known = dependencies.get(name);
    if (known !== undefined) return known;
    const found = new Set<string>();
    for (const part of present(
      symbols.get(name),
      `the grammar has a rule for ${name} (in ${trail.join(' → ')})`,
    ).flatMap(({ parts }) => parts)) {
      if (part.kind === 'text') continue;
      if (part.variable !== null) found.add(part.variable);
      const values =
        part.variable === null
          ? ['']
          : present(variables[part.variable], `the grammar has a variable ${part.variable}`);
      for (const value of values)
        for (const name_ of visit(value === '' ? part.name : `${part.name}.${value}`, [...trail, name]))
          found.add(name_);
    }
    dependencies.set(name, [...found].sort());
    return dependencies.get(name) ?? [];
  };
  for (const name of symbols.keys()) visit(name, []);
  return { symbols, dependencies, cache: new Map() };
}

function parseTemplate(template: string, marksOf: (text: string) => MarkSet): Alternative {
  const [, weight = '1', body = ''] = /^(?:([\d.]+): ?)?(.*)$/s.exec(template) ?? [];
  const parts = body
    .split(/(\{[^}]+\})/)
    .filter((piece) => piece !== '')
    .map((piece): Part => {
      const [, name, variable = null] = /^\{([\w.]+)(?:@(\w+))?\}$/.exec(piece) ?? [];
      return name === undefined
        ? { kind: 'text', text: piece, marks: marksOf(piece) }
        : { kind: 'symbol', name, variable };
    });
  return { weight: Number(weight), parts };
}

/** A text of the symbol. */
export function draw(grammar: Grammar, symbol: string, setting: Setting, stream: RandomStream): Drawn {
  const alternatives = alternativesOf(grammar, symbol);
  const chosen = pickWeighted(alternatives, (alternative) => alternative.weight, stream);
  const drawn = chosen.parts.map((part) =>
    part.kind === 'text' ? { text: part.text, logProb: 0 } : draw(grammar, resolve(part, setting), setting, stream),
  );
  return joined(drawn, Math.log(chosen.weight));
}

/** Probability of each set of marks in a text of the symbol. Exact; sums to 1. */
export function markDistribution(grammar: Grammar, symbol: string, setting: Setting): ReadonlyMap<MarkSet, number> {
  const key = [
    symbol,
    ...present(grammar.dependencies.get(symbol), `symbol ${symbol} exists`).map((variable) => setting[variable]),
  ].join('|');
  const known = grammar.cache.get(key);
  if (known !== undefined) return known;
  const sums = new Map<MarkSet, number>();
  for (const { weight, parts } of alternativesOf(grammar, symbol)) {
    let sequence: ReadonlyMap<MarkSet, number> = new Map([[0, weight]]);
    for (const part of parts) {
      sequence = unite(
        sequence,
        part.kind === 'text' ? new Map([[part.marks, 1]]) : markDistribution(grammar, resolve(part, setting), setting),
      );
    }
    for (const [marks, probability] of sequence) sums.set(marks, (sums.get(marks) ?? 0) + probability);
  }
  grammar.cache.set(key, sums);
  return sums;
}

/** Probability that a text of the symbol has, among the marks `within`, exactly those in `wanted`. */
export function markProbability(
  grammar: Grammar,
  symbol: string,
  setting: Setting,
  within: MarkSet,
  wanted: MarkSet,
): number {
  let sum = 0;
  for (const [marks, probability] of markDistribution(grammar, symbol, setting))
    if ((marks & within) === wanted) sum += probability;
  return sum;
}

/** A text of the symbol on condition that its marks, among those `within`, are exactly `wanted`: drawn from the exact
 *  conditional distribution, not by rejection. `logProb` is that of the derivation under the unconditional grammar.
 *  @throws when the condition has probability 0 */
export function drawWithMarks(
  grammar: Grammar,
  symbol: string,
  setting: Setting,
  condition: MarkCondition,
  stream: RandomStream,
): Drawn {
  const { within, wanted } = condition;
  if (within === 0) return draw(grammar, symbol, setting, stream);
  const fitting = (alternative: Alternative): number =>
    alternative.weight * tailProbability(grammar, alternative.parts, 0, setting, condition);
  const { parts, weight } = pickWeighted(alternativesOf(grammar, symbol), fitting, stream);
  const drawn: Drawn[] = [];
  let missing = wanted;
  parts.forEach((part, i) => {
    if (part.kind === 'text') {
      missing &= ~part.marks;
      drawn.push({ text: part.text, logProb: 0 });
      return;
    }
    const name = resolve(part, setting);
    // The part brings some subset of the wanted marks; what it leaves missing the parts after it must bring.
    const choices = subsetsOf(wanted).map((own) => {
      const rest = tailProbability(grammar, parts, i + 1, setting, { within, wanted, missing: missing & ~own });
      return { own, weight: rest === 0 ? 0 : rest * markProbability(grammar, name, setting, within, own) };
    });
    const { own } = pickWeighted(choices, (choice) => choice.weight, stream);
    drawn.push(drawWithMarks(grammar, name, setting, { within, wanted: own }, stream));
    missing &= ~own;
  });
  return joined(drawn, Math.log(weight));
}

/** Probability that parts[from…] bring no mark of `within` but the wanted ones, and all that are missing. */
function tailProbability(
  grammar: Grammar,
  parts: readonly Part[],
  from: number,
  setting: Setting,
  condition: MarkCondition & { readonly missing?: MarkSet },
): number {
  const { within, wanted, missing = wanted } = condition;
  const part = parts[from];
  if (part === undefined) return missing === 0 ? 1 : 0;
  if (part.kind === 'text') {
    const own = part.marks & within;
    return (own & ~wanted) !== 0
      ? 0
      : tailProbability(grammar, parts, from + 1, setting, { within, wanted, missing: missing & ~own });
  }
  const byOwn = new Map<MarkSet, number>();
  for (const [marks, probability] of markDistribution(grammar, resolve(part, setting), setting)) {
    const own = marks & within;
    if ((own & ~wanted) === 0) byOwn.set(own, (byOwn.get(own) ?? 0) + probability);
  }
  let sum = 0;
  for (const [own, probability] of byOwn)
    sum +=
      probability * tailProbability(grammar, parts, from + 1, setting, { within, wanted, missing: missing & ~own });
  return sum;
}

/** One of the items, with probability proportional to its weight. */
export function pickWeighted<T>(items: readonly T[], weightOf: (item: T) => number, stream: RandomStream): T {
  const weights = items.map(weightOf);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  invariant(total > 0, 'something can be drawn');
  let rest = stream.uniform() * total;
  let last = 0;
  for (const [i, weight] of weights.entries()) {
    if (weight === 0) continue;
    last = i;
    rest -= weight;
    if (rest < 0) break;
  }
  return items[last] as T; // `last` indexes `weights`, made from `items`.
}

/** Every stretch of text in the rules. */
export function textsOf(grammar: Grammar): readonly string[] {
  return [...grammar.symbols.values()]
    .flat()
    .flatMap(({ parts }) => parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])));
}

function alternativesOf(grammar: Grammar, symbol: string): readonly Alternative[] {
  return present(grammar.symbols.get(symbol), `the grammar has a rule for ${symbol}`);
}

function resolve(part: Extract<Part, { kind: 'symbol' }>, setting: Setting): string {
  return part.variable === null
    ? part.name
    : `${part.name}.${present(setting[part.variable], `the setting has a ${part.variable}`)}`;
}

function unite(a: ReadonlyMap<MarkSet, number>, b: ReadonlyMap<MarkSet, number>): ReadonlyMap<MarkSet, number> {
  const out = new Map<MarkSet, number>();
  for (const [marksA, pA] of a)
    for (const [marksB, pB] of b) out.set(marksA | marksB, (out.get(marksA | marksB) ?? 0) + pA * pB);
  return out;
}

function subsetsOf(marks: MarkSet): readonly MarkSet[] {
  const out: MarkSet[] = [];
  for (let subset = marks; ; subset = (subset - 1) & marks) {
    out.push(subset);
    if (subset === 0) return out;
  }
}

function joined(drawn: readonly Drawn[], own: number): Drawn {
  return {
    text: drawn.map(({ text }) => text).join(''),
    logProb: drawn.reduce((sum, { logProb }) => sum + logProb, own),
  };
}
