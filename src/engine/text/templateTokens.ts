/** From a Jinja source to the tokens that @huggingface/jinja parses, as Jinja 3.1's lexer reads it. Owned here is all
 *  that the library's own lexer does otherwise or not at all: `-`, `+`, trim_blocks and lstrip_blocks, line breaks of
 *  other systems, raw blocks, marks within strings, escapes of Python. The library reads the code between two marks. */
import { type Token, tokenize } from '@huggingface/jinja';

type Sign = '-' | '+' | '';

interface Tag {
  readonly kind: 'block' | 'variable' | 'comment';
  /** The text between the marks and their signs. */
  readonly body: string;
  readonly before: Sign;
  readonly after: Sign;
  /** The place behind the tag. */
  readonly end: number;
}

const marks = { '{%': 'block', '{{': 'variable', '{#': 'comment' } as const;
const ends = { block: '%}', variable: '}}', comment: '#}' } as const;

/** White space of Python's `\s` and `strip()`: JavaScript's takes U+FEFF as well, and leaves U+0085 and four controls. */
const space = '[\\t-\\r\\u001c- \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const spaceAtEnd = new RegExp(`${space}+$`, 'u');
const onlySpace = new RegExp(`^${space}*$`, 'u');
const spaceHere = new RegExp(`${space}*`, 'uy');
const rawEnd = new RegExp(`\\{%([-+]?)${space}*endraw${space}*([-+]?)%\\}`, 'gu');

/** The settings are those of transformers: trim_blocks and lstrip_blocks on, the last line break of the file dropped.
 *  @throws SyntaxError for a tag or a raw block that does not end, and for code that cannot be read */
export function templateTokens(source: string): Token[] {
  const text = source.replace(/\r\n?/gu, '\n').replace(/\n$/u, '');
  const tokens: Token[] = [];
  const add = (data: string): void => {
    if (data !== '') tokens.push({ type: 'Text', value: data });
  };
  let at = 0;
  let startsLine = true;
  const goTo = (place: number): void => {
    at = place;
    startsLine = text[at - 1] === '\n';
  };
  for (;;) {
    const begin = text.slice(at).search(/\{[%{#]/u);
    if (begin < 0) {
      add(text.slice(at));
      return tokens;
    }
    const tag = readTag(text, at + begin);
    add(textBefore(text.slice(at, at + begin), tag, startsLine));
    if (tag.kind === 'block' && tag.body.trim() === 'raw' && tag.after !== '+') {
      goTo(tag.after === '-' ? afterTag(text, tag) : tag.end);
      const end = readRawEnd(text, at);
      add(textBefore(text.slice(at, end.begin), end, startsLine));
      goTo(afterTag(text, end));
    } else {
      tokens.push(...tokensOf(tag));
      goTo(afterTag(text, tag));
    }
  }
}

/** Returns the tag that begins at `begin`. @throws SyntaxError when it does not end */
function readTag(text: string, begin: number): Tag {
  const kind = marks[text.slice(begin, begin + 2) as keyof typeof marks]; // As it was found.
  const sign = text[begin + 2];
  const before = sign === '-' || sign === '+' ? sign : '';
  const start = begin + 2 + before.length;
  const end = kind === 'comment' ? text.indexOf('#}', start) : endOfCode(text, start, ends[kind]);
  if (end < 0) throw new SyntaxError(`a tag does not end: ${JSON.stringify(text.slice(begin, begin + 40))}`);
  const last = text[end - 1];
  const after = end > start && (last === '-' || (last === '+' && kind !== 'variable')) ? last : '';
  return { kind, before, after, body: text.slice(start, end - after.length), end: end + 2 };
}

function readRawEnd(text: string, from: number): Tag & { readonly begin: number } {
  rawEnd.lastIndex = from;
  const found = rawEnd.exec(text);
  if (found === null) throw new SyntaxError('a raw block does not end');
  const [all, before, after] = found as unknown as readonly [string, Sign, Sign]; // As the expression has them.
  return { kind: 'block', body: '', before, after, begin: found.index, end: found.index + all.length };
}

/** Finds the closing mark outside quotes and brackets; returns −1 when there is none. */
function endOfCode(text: string, start: number, mark: string): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const character = text.charAt(i);
    if (depth === 0 && text.startsWith(mark, i)) return i;
    if (character === '"' || character === "'") {
      i = endOfString(text, i);
      if (i < 0) return -1;
    } else if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
  }
  return -1;
}

function endOfString(text: string, start: number): number {
  const quote = text[start];
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === quote) return i;
  }
  return -1;
}

/** `-` takes all white space before the tag; lstrip_blocks takes the blanks of a line that begins with one. */
function textBefore(text: string, { kind, before }: Pick<Tag, 'kind' | 'before'>, startsLine: boolean): string {
  if (before === '-') return text.replace(spaceAtEnd, '');
  if (before === '+' || kind === 'variable') return text;
  const line = text.lastIndexOf('\n') + 1;
  return (line > 0 || startsLine) && onlySpace.test(text.slice(line)) ? text.slice(0, line) : text;
}

/** `-` takes all white space after the tag; trim_blocks takes one line break after a block or comment. */
function afterTag(text: string, { kind, after, end }: Tag): number {
  if (after === '-') {
    spaceHere.lastIndex = end;
    return end + (spaceHere.exec(text)?.[0].length ?? 0);
  }
  return after === '' && kind !== 'variable' && text[end] === '\n' ? end + 1 : end;
}

/** Marks of generated turns, which transformers reads for training, print what they hold. */
const isGeneration = /^\s*(?:end)?generation\s*$/u;

/** The library sees strings as numbers: what they hold is read here. */
function tokensOf({ kind, body }: Tag): readonly Token[] {
  if (kind === 'comment' || (kind === 'block' && isGeneration.test(body))) return [];
  const strings: string[] = [];
  const code = body.replaceAll(/(["'])((?:\\[\s\S]|(?!\1)[\s\S])*)\1/gu, (_, __, held: string) => {
    strings.push(unescaped(held));
    return `"${String(strings.length - 1)}"`;
  });
  const [numeral] = /(?<![\w.])\d[\d.]*[A-Za-z_]\w*/u.exec(code) ?? [];
  if (numeral !== undefined) throw new SyntaxError(`a number in a form that is not read: ${numeral}`);
  const tokens = tokenize(kind === 'block' ? `{% ${code} %}` : `{{ ${code} }}`);
  return tokens.map((token) =>
    token.type === 'StringLiteral' ? { ...token, value: strings[Number(token.value)] ?? '' } : token,
  );
}

const escapes: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** Reads escapes as Python's `unicode-escape` does: one that it does not know stays as it is written.
 *  @throws SyntaxError for a character that is named, or half of a number */
function unescaped(held: string): string {
  return held.replaceAll(
    /\\(?:([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([xuUN])|([\s\S]))/gu,
    (all, octal?: string, x?: string, u?: string, long?: string, broken?: string, one?: string) => {
      if (broken !== undefined) throw new SyntaxError(`an escape that cannot be read: ${all}`);
      if (one !== undefined) return escapes[one] ?? all;
      return String.fromCodePoint(octal === undefined ? parseInt(x ?? u ?? long ?? '', 16) : parseInt(octal, 8));
    },
  );
}
