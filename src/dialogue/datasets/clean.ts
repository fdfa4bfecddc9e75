/** Turns forum text into plain text: links become their text, entities their characters; images, HTML, markdown marks,
 *  emoji and invisible characters are removed; white space collapses to single spaces. Cleaning a clean text changes
 *  nothing. */

/** Steps, applied in this order until the text no longer changes: markup may hold markup, and "&amp;lt;" an entity. */
const steps: readonly ((text: string) => string)[] = [
  decodeEntities,
  (text) => text.replace(/!\[([^[\]]*)\]\([^()]*\)/gu, ' '),
  (text) => text.replace(/\[([^[\]]*)\]\([^()]*\)/gu, '$1'),
  (text) => text.replace(/<\/?[a-z][^<>]*>|<!--[^<>]*-->/giu, ' '),
  (text) => text.replace(/^[ \t]*(?:```|~~~).*$/gmu, ' '),
  (text) => text.replace(/^[ \t]*(?:[-*_][ \t]*){3,}$/gmu, ' '),
  (text) => text.replace(/>!|!</gu, ''),
  (text) => text.replace(/^[ \t]*(?:>[ \t]*|#{1,6}[ \t]+|[-*+][ \t]+)+/gmu, ''),
  (text) => text.replace(/(?<!\\)(\*{1,3}|~~)(?=\S)([^*~\n]+?)(?<=[^\s\\])\1/gu, '$2'),
  (text) => text.replace(/(?<![\p{L}\p{N}_\\])(_{1,3})(?=\S)([^_\n]+?)(?<=[^\s\\])\1(?![\p{L}\p{N}_])/gu, '$2'),
  (text) => text.replace(/`+/gu, ''),
  (text) => text.replace(/\\([\\`*_{}[\]()#+\-.!~>|^])/gu, '$1'),
  (text) => text.replace(/[\p{Extended_Pictographic}\p{Regional_Indicator}\p{Emoji_Modifier}\u{fe0f}\u{20e3}]/gu, ' '),
  // Format characters (zero width, direction marks, byte order mark) and control characters other than line breaks.
  (text) => text.replace(/[\p{Cf}\p{Co}\p{Cs}]/gu, '').replace(/[^\P{Cc}\n]/gu, ' '),
];

export function cleanText(text: string): string {
  let current = text;
  for (let previous = ''; previous !== current;) {
    previous = current;
    for (const step of steps) current = step(current);
    current = current.replace(/\s+/gu, ' ').trim();
  }
  return current;
}

const namedEntities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  ensp: ' ',
  emsp: ' ',
  thinsp: ' ',
  zwnj: '',
  zwj: '',
  shy: '',
  hellip: '…',
  mdash: '—',
  ndash: '–',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  bull: '•',
  middot: '·',
  deg: '°',
  pound: '£',
  euro: '€',
  cent: '¢',
  yen: '¥',
  sect: '§',
  frac12: '½',
  times: '×',
  // Signs that the step for emoji removes.
  copy: '',
  reg: '',
  trade: '',
};

/** Returns null for a name of no entity, whatever objects inherit. */
function namedEntity(name: string): string | null {
  return Object.hasOwn(namedEntities, name) ? (namedEntities[name] ?? null) : null;
}

function decodeEntities(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z][a-z0-9]{1,31}));/giu,
    (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return namedEntity(name) ?? namedEntity(name.toLowerCase()) ?? whole;
      const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex ?? '', 16);
      return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : '';
    },
  );
}
