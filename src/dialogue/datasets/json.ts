/** JSON lines and JSON documents, with errors that name the line. NaN and infinities, which Python's json writes, are
 *  read as null. */
import { FormatError } from '../../base/errors.js';
import { readLines, readText } from './lines.js';
import type { RowItem } from './format.js';

/** Yields one value per line; blank lines are skipped.
 *  @throws FormatError with file:line */
export async function* readJsonLines(path: string): AsyncGenerator<RowItem> {
  for await (const { line, text } of readLines(path)) {
    if (text.trim() === '') continue;
    const where = `${path}:${line}`;
    yield { value: parseJson(text, where, 'one JSON value a line', remedyOf), where };
  }
}

/** Yields the items of a file that is one JSON array. The file is read whole.
 *  @throws FormatError with file:line when it is not JSON or not an array */
export async function* readJsonArray(path: string): AsyncGenerator<RowItem> {
  const chunks: string[] = [];
  let length = 0;
  for await (const chunk of readText(path)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > 1 << 28) {
      throw new FormatError('The file is too large to be read whole', {
        where: path,
        expected: `at most ${1 << 28} characters in one JSON array`,
        remedy: 'Write it as JSON lines, which are streamed: jq -c ".[]" in.json > out.jsonl.',
      });
    }
  }
  const value = parseJson(chunks.join(''), path, 'one JSON array', remedyOf);
  if (!Array.isArray(value)) {
    throw new FormatError('The file is not a JSON array', {
      where: path,
      expected: 'an array',
      got: describe(value),
      remedy: 'Write a list of objects; with pandas: df.to_json(FILE, orient="records", lines=True).',
    });
  }
  for (const [i, item] of value.entries()) yield { value: item, where: `${path}, item ${i + 1}` };
}

/** Parses JSON with an error that names line and column and never quotes the text.
 *  @throws FormatError */
export function parseJson(text: string, where: string, expected: string, remedy?: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    const value = withoutNaN(text);
    if (value !== undefined) return value;
    // The message of JSON.parse may quote the text and does not always say where. Data sets hold texts that do not
    // belong in a log.
    const position = jsonErrorPosition(text);
    const before = text.slice(0, position).split('\n');
    throw new FormatError('This is not JSON', {
      where: before.length === 1 ? where : `${where}:${before.length}`,
      expected,
      got:
        position >= text.length
          ? 'a value that ends too early'
          : `an unexpected character at column ${(before.at(-1)?.length ?? 0) + 1}`,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}

/** Returns the value of a text that is JSON but for NaN and infinities, these as null; undefined when it is not. */
function withoutNaN(text: string): unknown {
  if (!/NaN|Infinity/u.test(text)) return undefined;
  const replaced = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/gsu, (token) =>
    token.startsWith('"') ? token : 'null',
  );
  try {
    return JSON.parse(replaced) as unknown;
  } catch {
    return undefined;
  }
}

const remedyOf = 'See `gadfly list datasets` for the forms that are read.';

/** White space, then one of: an opening, a closing, a separator, a value without parts. */
const jsonTokens = new RegExp(
  String.raw`\s*(?:([[{])|([\]}])|([,:])|(${[
    String.raw`"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"`,
    String.raw`-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?`,
    'true|false|null',
  ].join('|')}))`,
  'y',
);

/** Returns the position at which a text stops being JSON; its length when it only ends too early. */
function jsonErrorPosition(text: string): number {
  const stack: string[] = [];
  const end = text.trimEnd().length;
  let wantsValue = true;
  let afterSeparator = false;
  let at = 0;
  while (at < end) {
    jsonTokens.lastIndex = at;
    const token = jsonTokens.exec(text);
    const [whole = '', open, close, separator, scalar] = token ?? [];
    const start = at + /^\s*/u.exec(text.slice(at, at + 1000))![0].length; // Matches the empty string at least.
    if (token === null)
      return text.indexOf('"', start) === start && text.indexOf('"', start + 1) === -1 ? text.length : start;
    const top = stack.at(-1);
    if (open !== undefined) {
      if (!wantsValue) return start;
      stack.push(open);
    } else if (close !== undefined) {
      if (top !== (close === ']' ? '[' : '{') || afterSeparator) return start;
      stack.pop();
      wantsValue = false;
    } else if (separator !== undefined) {
      if (wantsValue || top === undefined) return start;
      wantsValue = true;
    } else if (scalar !== undefined) {
      if (!wantsValue) return start;
      wantsValue = false;
    }
    afterSeparator = separator !== undefined;
    at += whole.length;
  }
  return text.length;
}

/** Describes a value in words for messages, without its text. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object')
    return `an object with ${Object.keys(value).slice(0, 8).map(clipped).join(', ') || 'no keys'}`;
  return typeof value === 'string'
    ? `a string of ${value.length} characters`
    : `the ${typeof value} ${JSON.stringify(value)}`;
}

/** Shortens a name: where a header is missing, a text stands in its place. */
function clipped(name: string): string {
  return name.length > 40 ? `${name.slice(0, 39)}…` : name;
}
