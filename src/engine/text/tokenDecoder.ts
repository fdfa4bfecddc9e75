/** Tokens to text, and the bytes a token stands for. Owns the byte-level alphabet of GPT-2 and the `<0xAB>` pieces of
 *  SentencePiece. Follows the native `tokenizers` library, except that an added token is always its own text: the
 *  native library runs it through the byte-level alphabet, which garbles accented letters. */
import { isRecord, isRule, type Rule } from './tokenizerJson.js';

type Step = (tokens: readonly string[]) => readonly string[];

/** Text of a list of tokens, or null when the decoder uses a rule not known here. */
export function createTokenDecoder(
  decoder: Rule | null,
  added: ReadonlySet<string>,
): ((tokens: readonly string[]) => string) | null {
  if (decoder === null) return (tokens) => tokens.join(' ');
  if (decoder.type === 'ByteLevel') {
    return (tokens) =>
      new TextDecoder('utf-8', { ignoreBOM: true }).decode(
        concatenate(tokens.map((token) => byteLevelBytes(token, added))),
      );
  }
  const steps = sequenceOf(decoder).map(decodingStep);
  if (steps.some((step) => step === null)) return null;
  return (tokens) => (steps as readonly Step[]).reduce((list, step) => step(list), tokens).join('');
}

/** The bytes that one token adds in the middle of a text. */
export function createTokenSpelling(decoder: Rule | null, added: ReadonlySet<string>): (token: string) => Uint8Array {
  const encoder = new TextEncoder();
  if (decoder === null) return (token) => encoder.encode(token);
  if (decoder.type === 'ByteLevel') return (token) => byteLevelBytes(token, added);
  const rules = sequenceOf(decoder);
  const wordPiece = rules.find((rule) => rule.type === 'WordPiece');
  if (wordPiece !== undefined) {
    const prefix = typeof wordPiece['prefix'] === 'string' ? wordPiece['prefix'] : '##';
    return (token) => encoder.encode(token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`);
  }
  return (token) => {
    if (added.has(token)) return encoder.encode(token);
    const byte = rules.some((rule) => rule.type === 'ByteFallback') ? fallbackByte(token) : null;
    if (byte !== null) return Uint8Array.of(byte);
    return encoder.encode(rules.reduce(replaceInToken, token));
  };
}

function sequenceOf(decoder: Rule): readonly Rule[] {
  if (decoder.type !== 'Sequence') return [decoder];
  const steps = decoder['decoders'];
  return Array.isArray(steps) ? steps.filter(isRule) : [];
}

function decodingStep(rule: Rule): Step | null {
  switch (rule.type) {
    case 'Replace':
      return replacedText(rule) === null ? null : (tokens) => tokens.map((token) => replaceInToken(token, rule));
    case 'ByteFallback':
      return joinFallbackBytes;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Strip':
      return (tokens) => tokens.map((token) => stripToken(token, rule));
    default:
      return null;
  }
}

/** Returns the plain text that a Replace rule looks for; null for a pattern. */
function replacedText(rule: Rule): string | null {
  const pattern = rule['pattern'];
  const text = isRecord(pattern) ? pattern['String'] : null;
  return typeof text === 'string' ? text : null;
}

function replaceInToken(token: string, rule: Rule): string {
  if (rule.type === 'Metaspace')
    return token.replaceAll(typeof rule['replacement'] === 'string' ? rule['replacement'] : '▁', ' ');
  if (rule.type !== 'Replace') return token;
  const [text, content] = [replacedText(rule), rule['content']];
  return text === null ? token : token.replaceAll(text, () => (typeof content === 'string' ? content : ''));
}

function stripToken(token: string, { content, start, stop }: Rule): string {
  if (typeof content !== 'string' || content === '') return token;
  let rest = token;
  for (let i = 0; i < Number(start ?? 0) && rest.startsWith(content); i++) rest = rest.slice(content.length);
  for (let i = 0; i < Number(stop ?? 0) && rest.endsWith(content); i++) rest = rest.slice(0, -content.length);
  return rest;
}

/** Runs of byte pieces become their characters; a run that is not UTF-8 becomes one U+FFFD for each byte. */
function joinFallbackBytes(tokens: readonly string[]): readonly string[] {
  const out: string[] = [];
  let run: number[] = [];
  const flush = (): void => {
    if (run.length === 0) return;
    try {
      out.push(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(run)));
    } catch {
      out.push('\uFFFD'.repeat(run.length));
    }
    run = [];
  };
  for (const token of tokens) {
    const byte = fallbackByte(token);
    if (byte !== null) run.push(byte);
    else {
      flush();
      out.push(token);
    }
  }
  flush();
  return out;
}

function fallbackByte(token: string): number | null {
  const match = /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
  return match?.[1] === undefined ? null : Number.parseInt(match[1], 16);
}

function byteLevelBytes(token: string, added: ReadonlySet<string>): Uint8Array {
  if (added.has(token)) return new TextEncoder().encode(token);
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfCharacter.get(token.charCodeAt(i));
    if (byte === undefined) return new TextEncoder().encode(token);
    bytes[i] = byte;
  }
  return bytes;
}

/** GPT-2's alphabet: printable Latin-1 stands for itself, the other bytes take the code points from 256 on, in order.
 */
const byteOfCharacter: ReadonlyMap<number, number> = buildByteAlphabet();

function buildByteAlphabet(): Map<number, number> {
  const isPrintable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  const alphabet = new Map<number, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) alphabet.set(isPrintable(byte) ? byte : next++, byte);
  return alphabet;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
