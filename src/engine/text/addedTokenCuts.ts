/** Cutting a text at its added tokens, as the native `tokenizers` library does it (`added_vocabulary.rs`): tokens that
 *  stand in the text as it is first, then, in what is left and normalised, those whose text is normalised too. Whether
 *  a token takes the white space around it, or stands only as a word of its own, is the token's. */
import type { AddedToken } from './tokenizerJson.js';

export type TextCut =
  | { readonly kind: 'token'; readonly content: string }
  /** Normalised text between tokens. */
  | { readonly kind: 'text'; readonly text: string; readonly isFirst: boolean };

/** @param normalize the tokenizer's normaliser; null if it has none */
export function createAddedTokenCuts(
  tokens: readonly AddedToken[],
  normalize: ((text: string) => string) | null,
): (text: string) => readonly TextCut[] {
  const isNormalized = (token: AddedToken): boolean => token['normalized'] === true;
  const normal = (text: string): string => (normalize === null ? text : normalize(text));
  const cutRaw = cutter(tokens.filter((token) => !isNormalized(token)).map((token) => [token.content, token]));
  const cutNormal = cutter(tokens.filter(isNormalized).map((token) => [normal(token.content), token]));
  return (text) =>
    cutRaw(text).flatMap((raw) => {
      if (raw.token !== null) return [{ kind: 'token', content: raw.token.content }];
      return cutNormal(normal(raw.text)).flatMap((piece): readonly TextCut[] => {
        if (piece.token !== null) return [{ kind: 'token', content: piece.token.content }];
        return piece.text === ''
          ? []
          : [{ kind: 'text', text: piece.text, isFirst: raw.start === 0 && piece.start === 0 }];
      });
    });
}

interface Piece {
  readonly start: number;
  readonly text: string;
  readonly token: AddedToken | null;
}

interface Node {
  readonly next: Map<string, Node>;
  token: AddedToken | null;
}

/** Leftmost, and of those the longest. */
function cutter(entries: readonly (readonly [string, AddedToken])[]): (text: string) => readonly Piece[] {
  const root: Node = { next: new Map(), token: null };
  for (const [content, token] of entries) {
    if (content === '') continue;
    let node = root;
    for (const unit of content.split('')) {
      const next: Node = node.next.get(unit) ?? { next: new Map(), token: null };
      node.next.set(unit, next);
      node = next;
    }
    node.token ??= token;
  }
  const longestAt = (text: string, at: number): { readonly token: AddedToken; readonly end: number } | null => {
    let found: { readonly token: AddedToken; readonly end: number } | null = null;
    let node: Node | undefined = root;
    for (let i = at; i < text.length; i++) {
      node = node.next.get(text.charAt(i));
      if (node === undefined) break;
      if (node.token !== null) found = { token: node.token, end: i + 1 };
    }
    return found;
  };
  return (text) => {
    const pieces: Piece[] = [];
    let reached = 0;
    for (let at = 0; at < text.length;) {
      const found = longestAt(text, at);
      if (found === null) {
        at++;
        continue;
      }
      const { token, end } = found;
      const place = placeOf(token, text, { start: at, end, reached });
      at = end;
      if (place === null) continue;
      if (reached < place.start) pieces.push({ start: reached, text: text.slice(reached, place.start), token: null });
      pieces.push({ start: place.start, text: text.slice(place.start, place.end), token });
      reached = place.end;
    }
    if (reached < text.length) pieces.push({ start: reached, text: text.slice(reached), token: null });
    return pieces;
  };
}

const wordCharacter = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
const endsInWord = new RegExp(`${wordCharacter}$`, 'u');
const beginsWithWord = new RegExp(`^${wordCharacter}`, 'u');

/** Returns the place of the token with the space that it takes; null for a part of a word where it must be a whole one. */
function placeOf(
  token: AddedToken,
  text: string,
  { start, end, reached }: { readonly start: number; readonly end: number; readonly reached: number },
): { readonly start: number; readonly end: number } | null {
  const [before, after] = [text.slice(0, start), text.slice(end)];
  if (token['single_word'] === true && (endsInWord.test(before) || beginsWithWord.test(after))) return null;
  const spaceBefore = token['lstrip'] === true ? start - before.replace(/\p{White_Space}+$/u, '').length : 0;
  const spaceAfter = token['rstrip'] === true ? (/^\p{White_Space}*/u.exec(after)?.[0].length ?? 0) : 0;
  return { start: Math.max(start - spaceBefore, reached), end: end + spaceAfter };
}
