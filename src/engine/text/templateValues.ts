/** Values as Python prints and compares them, where @huggingface/jinja does as JavaScript does: True, None, 1.0, lists
 *  and mappings as text, and `==` by value and kind. A parsed template is rewritten so that what it joins by `~` and compares
 *  goes through functions of this file. */
import type { Program, Value } from '@huggingface/jinja';

/** A node of the parsed template, or a list or property of one. */
type Node = Readonly<Record<string, unknown>>;

const statements = new Set([
  'Program',
  'If',
  'For',
  'Set',
  'Macro',
  'Comment',
  'Break',
  'Continue',
  'CallStatement',
  'FilterStatement',
]);
/** A template may name neither of them: names hold no blank. */
const [printName, equalName] = ['print ', 'equal '];

/** For the environment in which a rewritten template runs. A function of it is given the list's values as they are. */
export const pythonFunctions: Readonly<Record<string, (values: readonly Value[]) => string | boolean>> = {
  [printName]: (values) => {
    const [only] = values;
    return only !== undefined && values.length === 1 ? printed(only) : shown({ type: 'TupleValue', value: values });
  },
  [equalName]: ([left, right]) => left !== undefined && right !== undefined && areEqual(left, right),
};

/** Returns the template with Python's way to print and compare. */
export function asPython(program: Program): Program {
  return rewrite(program) as Program; // A node of the same type.
}

/** Stands first in the body of a loop. */
export const loopStart: Node = { type: 'LoopStart' };

function rewrite(at: unknown): unknown {
  if (Array.isArray(at)) return at.map(rewrite);
  if (at instanceof Map) return new Map([...at].map(([key, value]) => [rewrite(key), rewrite(value)] as const));
  if (!isNode(at)) return at;
  const node: Node = Object.fromEntries(Object.entries(at).map(([key, value]) => [key, rewrite(value)]));
  if (node['type'] === 'FilterExpression' && isNode(node['filter']) && node['filter']['value'] === 'string')
    return call(printName, [node['operand']]);
  if (node['type'] === 'Break') return call('break ', []);
  if (node['type'] === 'Continue') return call('continue ', []);
  if (node['type'] === 'For') return { ...node, body: [loopStart].concat(node['body'] as Node[]) }; // A list of statements.
  const operator = node['type'] === 'BinaryExpression' && isNode(node['operator']) ? node['operator']['value'] : null;
  if (operator === '~')
    return { ...node, left: call(printName, [node['left']]), right: call(printName, [node['right']]) };
  if (operator === '==') return call(equalName, [node['left'], node['right']]);
  if (operator === '!=')
    return {
      type: 'UnaryExpression',
      operator: { type: 'Identifier', value: 'not' },
      argument: call(equalName, [node['left'], node['right']]),
    };
  return node;
}

/** Whether a statement's value is part of the text: an assignment has none. */
export function isPrinted(statement: unknown, value: Value): boolean {
  const isStatement = isNode(statement) && typeof statement['type'] === 'string' && statements.has(statement['type']);
  return !(isStatement && value.type === 'NullValue');
}

function call(name: string, items: readonly unknown[]): Node {
  return {
    type: 'CallExpression',
    callee: { type: 'Identifier', value: name },
    args: [{ type: 'ArrayLiteral', value: items }],
  };
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null;
}

/** Prints as Python's `str` does; what is not defined is no text. @throws Error for what only Python can print */
export function printed(value: Value): string {
  if (value.type === 'StringValue') return String(value.value);
  return value.type === 'UndefinedValue' ? '' : shown(value);
}

/** Prints as Python's `repr` does. */
function shown({ type, value }: Value): string {
  switch (type) {
    case 'StringValue':
      return quoted(String(value));
    case 'IntegerValue':
      return String(value);
    case 'FloatValue':
      return floatText(Number(value));
    case 'BooleanValue':
      return value === true ? 'True' : 'False';
    case 'NullValue':
      return 'None';
    case 'UndefinedValue':
      return 'Undefined';
    case 'ArrayValue':
      return `[${itemsOf(value).map(shown).join(', ')}]`;
    case 'TupleValue': {
      const items = itemsOf(value).map(shown);
      return `(${items.join(', ')}${items.length === 1 ? ',' : ''})`;
    }
    case 'ObjectValue':
      return `{${entriesOf(value)
        .map(([key, each]) => `${quoted(key)}: ${shown(each)}`)
        .join(', ')}}`;
    default:
      throw new Error(`a ${type} is printed`);
  }
}

function itemsOf(value: unknown): readonly Value[] {
  return value as readonly Value[]; // As the kind of the value says.
}

function entriesOf(value: unknown): readonly (readonly [string, Value])[] {
  return [...(value as ReadonlyMap<string, Value>)]; // As the kind of the value says.
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };
  const held = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}\\'"]|(?! )\p{Zs}/gu, (character) => {
    if (character === '"' || character === "'") return character === quote ? `\\${character}` : character;
    const code = character.codePointAt(0) ?? 0;
    const [letter, digits] = code < 0x100 ? ['x', 2] : code < 0x10000 ? ['u', 4] : ['U', 8];
    return named[character] ?? `\\${letter}${code.toString(16).padStart(Number(digits), '0')}`;
  });
  return `${quote}${held}${quote}`;
}

/** The fewest digits that are this number, as both languages choose them; Python writes other zeros. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) return value.toExponential().replace(/e([-+])(\d)$/u, 'e$10$2');
  return Number.isInteger(value) ? `${Object.is(value, -0) ? '-' : ''}${value.toFixed(1)}` : String(value);
}

const numbers = new Set(['IntegerValue', 'FloatValue', 'BooleanValue']);

function areEqual(left: Value, right: Value): boolean {
  if (numbers.has(left.type) && numbers.has(right.type)) return Number(left.value) === Number(right.value);
  if (left.type !== right.type) return false;
  switch (left.type) {
    case 'NullValue':
    case 'UndefinedValue':
      return true;
    case 'ArrayValue':
    case 'TupleValue': {
      const [first, second] = [itemsOf(left.value), itemsOf(right.value)];
      return first.length === second.length && first.every((each, i) => areEqual(each, second[i] ?? each));
    }
    case 'ObjectValue': {
      const [first, second] = [entriesOf(left.value), new Map(entriesOf(right.value))];
      return (
        first.length === second.size &&
        first.every(([key, each]) => {
          const other = second.get(key);
          return other !== undefined && areEqual(each, other);
        })
      );
    }
    default:
      return left.value === right.value;
  }
}
