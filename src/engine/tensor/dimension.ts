/** Symbolic sizes. A dimension is a number or an integer polynomial in named sizes, written as a string: 'B', 'B*T',
 *  'P+T', '2*T-1'. Every dimension in a trace is in canonical form, so equal sizes are equal strings (or numbers) and
 *  are compared with `===`. */
import { ShapeError } from '../../base/errors.js';

export type Dim = number | string;
export type Shape = readonly Dim[];

/** Monomial (its symbols sorted, joined by '*'; '' for the constant) → coefficient, never 0. */
type Polynomial = ReadonlyMap<string, number>;

const parsed = new Map<string, Polynomial>();

/** The canonical form of a dimension. @throws ShapeError when the text is no polynomial of sizes or the number no size.
 */
export function canonicalDim(dim: Dim): Dim {
  if (typeof dim === 'number') {
    if (!Number.isInteger(dim) || dim < 0)
      throw new ShapeError('not a size', { expected: 'an integer ≥ 0', got: String(dim) });
    return dim;
  }
  return format(parse(dim));
}

export function canonicalShape(shape: Shape): Shape {
  return Object.freeze(shape.map(canonicalDim));
}

export function addDims(...dims: readonly Dim[]): Dim {
  return format(dims.map(parse).reduce<Polynomial>((sum, each) => combine(sum, each, 1), new Map()));
}

export function subtractDims(from: Dim, amount: Dim): Dim {
  return format(combine(parse(from), parse(amount), -1));
}

export function multiplyDims(...dims: readonly Dim[]): Dim {
  if (dims.every((each) => typeof each === 'number'))
    return dims.reduce<number>((product, each) => product * Number(each), 1);
  return format(dims.map(parse).reduce<Polynomial>(times, new Map([['', 1]])));
}

/** The plain symbols a dimension is made of, sorted: 'P+T' → ['P', 'T'], 4 → []. */
export function symbolsOf(dim: Dim): readonly string[] {
  if (typeof dim === 'number') return [];
  return [
    ...new Set([...parse(dim).keys()].flatMap((monomial) => (monomial === '' ? [] : monomial.split('*')))),
  ].sort();
}

/** The terms of a dimension: coefficient and symbols, in canonical order. */
export function termsOf(dim: Dim): readonly { readonly coefficient: number; readonly symbols: readonly string[] }[] {
  return [...parse(dim)].map(([monomial, coefficient]) => ({
    coefficient,
    symbols: monomial === '' ? [] : monomial.split('*'),
  }));
}

/** The size when every symbol has the given value. @throws ShapeError when one is missing. */
export function evaluateDim(dim: Dim, sizes: Readonly<Record<string, number>>): number {
  return termsOf(dim).reduce((sum, { coefficient, symbols }) => {
    return (
      sum +
      symbols.reduce((product, symbol) => {
        const size = sizes[symbol];
        if (size === undefined)
          throw new ShapeError('unknown size', { where: String(dim), expected: `a value of ${symbol}` });
        return product * size;
      }, coefficient)
    );
  }, 0);
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

function parse(dim: Dim): Polynomial {
  if (typeof dim === 'number') return dim === 0 ? new Map() : new Map([['', dim]]);
  const known = parsed.get(dim);
  if (known !== undefined) return known;
  const terms = dim
    .replaceAll(/\s+/g, '')
    .replaceAll('-', '+-')
    .split('+')
    .filter((term, index, all) => term !== '' || index > 0 || all.length === 1);
  const polynomial = sorted(
    terms.map((term) => parseTerm(dim, term)).reduce<Polynomial>((sum, each) => combine(sum, each, 1), new Map()),
  );
  parsed.set(dim, polynomial);
  return polynomial;
}

function parseTerm(dim: string, term: string): Polynomial {
  const negative = term.startsWith('-');
  const factors = (negative ? term.slice(1) : term).split('*');
  return factors.reduce<Polynomial>(
    (product, factor) => {
      if (/^\d+$/.test(factor)) return times(product, parse(Number(factor)));
      if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(factor)) return times(product, new Map([[factor, 1]]));
      throw new ShapeError('unreadable dimension', {
        where: `'${dim}'`,
        expected: "sums of products of names and integers, as 'B*T' or 'P+T'",
      });
    },
    new Map([['', negative ? -1 : 1]]),
  );
}

function combine(a: Polynomial, b: Polynomial, sign: 1 | -1): Polynomial {
  const sum = new Map(a);
  for (const [monomial, coefficient] of b) sum.set(monomial, (sum.get(monomial) ?? 0) + sign * coefficient);
  return sorted(sum);
}

function times(a: Polynomial, b: Polynomial): Polynomial {
  const product = new Map<string, number>();
  for (const [left, m] of a) {
    for (const [right, n] of b) {
      const monomial = [...left.split('*'), ...right.split('*')]
        .filter((symbol) => symbol !== '')
        .sort()
        .join('*');
      product.set(monomial, (product.get(monomial) ?? 0) + m * n);
    }
  }
  return sorted(product);
}

/** Symbols in code-unit order, the constant last; zero terms left out. */
function sorted(terms: ReadonlyMap<string, number>): Polynomial {
  const order = (a: string, b: string): number => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1);
  return new Map([...terms].filter(([, coefficient]) => coefficient !== 0).sort(([a], [b]) => order(a, b)));
}

function format(polynomial: Polynomial): Dim {
  if (polynomial.size === 0) return 0;
  const constant = polynomial.get('');
  if (polynomial.size === 1 && constant !== undefined) return constant;
  return [...polynomial]
    .map(([monomial, coefficient], index) => {
      const sign = coefficient < 0 ? '-' : index > 0 ? '+' : '';
      const size = Math.abs(coefficient);
      return sign + (monomial === '' ? String(size) : size === 1 ? monomial : `${String(size)}*${monomial}`);
    })
    .join('');
}
