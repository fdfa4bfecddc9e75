/** A Jinja source without white-space control: what `-`, `+`, trim_blocks, lstrip_blocks, line breaks of other systems
 *  and comments do to the text between tags is done here, as Jinja 3.1's lexer does it. What is left means the same to
 *  any reader of Jinja, and the one that renders knows neither `{%+` nor line breaks of Windows. */

interface Tag {
  readonly kind: 'block' | 'variable' | 'comment';
  /** The text between the marks and their signs. */
  readonly body: string;
  readonly before: '-' | '+' | '';
  readonly after: '-' | '+' | '';
}

const marks = { '{%': 'block', '{{': 'variable', '{#': 'comment' } as const;
const ends = { block: '%}', variable: '}}', comment: '#}' } as const;

/** The settings are those of transformers: trim_blocks and lstrip_blocks on, the last line break of the file dropped.
 *  A tag that never ends is left as it stands, for the reader to refuse. */
export function withoutWhitespaceControl(source: string): string {
  const text = source.replace(/\r\n?/gu, '\n').replace(/\n$/u, '');
  let out = '';
  let at = 0;
  let startsLine = true;
  for (;;) {
    const begin = nextTag(text, at);
    const read = begin === null ? null : readTag(text, begin);
    if (begin === null || read === null) {
      out += text.slice(at);
      // The reader drops one line break at the end, as Jinja does with the file's own, which is gone already.
      return out.endsWith('\n') ? `${out}\n` : out;
    }
    const { tag } = read;
    out += textBefore(text.slice(at, begin), tag, startsLine) + plainTag(tag);
    at = afterTag(text, read.end, tag);
    startsLine = text[at - 1] === '\n';
  }
}

function nextTag(text: string, from: number): number | null {
  const found = /\{[%{#]/u.exec(text.slice(from));
  return found === null ? null : from + found.index;
}

/** Returns the tag that begins at `begin` and the place after it; null when it does not end. */
function readTag(text: string, begin: number): { readonly tag: Tag; readonly end: number } | null {
  const kind = marks[text.slice(begin, begin + 2) as keyof typeof marks];
  const sign = text[begin + 2];
  const before = sign === '-' || sign === '+' ? sign : '';
  const start = begin + 2 + before.length;
  const end = kind === 'comment' ? text.indexOf('#}', start) : endOfCode(text, start, ends[kind]);
  if (end < 0) return null;
  const last = text[end - 1];
  const after = end > start && (last === '-' || (last === '+' && kind !== 'variable')) ? last : '';
  return { tag: { kind, before, after, body: text.slice(start, end - after.length) }, end: end + 2 };
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
function textBefore(text: string, { kind, before }: Tag, startsLine: boolean): string {
  if (before === '-') return text.trimEnd();
  if (before === '+' || kind === 'variable') return text;
  const line = text.lastIndexOf('\n') + 1;
  return (line > 0 || startsLine) && text.slice(line).trim() === '' ? text.slice(0, line) : text;
}

/** `-` takes all white space after the tag; trim_blocks takes one line break after a block or comment. */
function afterTag(text: string, end: number, { kind, after }: Tag): number {
  if (after === '-') return text.length - text.slice(end).trimStart().length;
  return after === '' && kind !== 'variable' && text[end] === '\n' ? end + 1 : end;
}

function plainTag({ kind, body }: Tag): string {
  if (kind === 'comment') return '{##}';
  return kind === 'block' ? `{%${body}%}` : `{{${body}}}`;
}
