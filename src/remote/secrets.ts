/** Keeps keys out of everything that is shown or kept; no other file does. The sender of a key makes a redaction of it,
 *  and all text from a server, and all messages about it, pass through that redaction.
 *
 *  A key is found as it is, escaped as in JSON or HTML, percent-encoded, in base64 at any offset and in hex, and in
 *  pieces of eight characters or more. In replies, which are judged, pieces count only where chance and prose do not
 *  make them; messages lose every piece. A key of less than six characters is found where it stands as a word. */
import { ConfigError } from '../base/errors.js';

export interface Redaction {
  /** Redacts a text for people: an error, a notice. */
  readonly message: (text: string) => string;
  /** A text of the model. */
  readonly reply: (text: string) => string;
  /** The body of an answer, JSON or not; the same text where it holds no key. */
  readonly body: (body: string) => string;
}

const mark = '[redacted]';
const pieceLength = 8;
const shortLength = 6;

export function createRedaction(secrets: readonly string[]): Redaction {
  const known = [...new Set(secrets)].filter((secret) => secret !== '');
  const long = known.filter((secret) => secret.length >= shortLength);
  const short = known.filter((secret) => secret.length < shortLength);
  const whole = [...new Set(long.flatMap(spellingsOf))].sort((a, b) => b.length - a.length);
  const words = short.map((secret) => new RegExp(`(?<![\\p{L}\\p{N}_])${escaped(secret)}(?![\\p{L}\\p{N}_])`, 'gu'));
  const pieces = new Set(long.flatMap(piecesOf));
  const unmistakable = new Set([...pieces].filter((piece) => /\d/.test(piece) || /[a-z][A-Z]/.test(piece)));
  const redact = (text: string, parts: ReadonlySet<string>): string => {
    if (known.length === 0) return text;
    let out = text;
    for (const spelling of whole) out = out.replaceAll(spelling, mark);
    for (const word of words) out = out.replace(word, mark);
    return withoutPieces(out, parts);
  };
  const reply = (text: string): string => redact(text, unmistakable);
  return {
    message: (text) => redact(text, pieces),
    reply,
    body: (body) => {
      if (known.length === 0) return body;
      let changed = false;
      try {
        const cleaned = JSON.stringify(
          mapTexts(JSON.parse(body.replace(/^\uFEFF/, '')) as unknown, (text) => {
            const out = reply(text);
            if (out !== text) changed = true;
            return out;
          }),
        );
        return changed ? cleaned : body;
      } catch (error) {
        if (error instanceof SyntaxError) return reply(body);
        throw error;
      }
    },
  };
}

/** The key that an environment variable holds, fit for a header, or null where it holds none.
 *  @throws ConfigError, without the value, for one that no header can hold */
export function secretFrom(
  variable: string,
  environment: Readonly<Record<string, string | undefined>>,
  where: string,
): string | null {
  const value = environment[variable]?.trim() ?? '';
  if (value === '') return null;
  const problem = /[\r\n]/.test(value)
    ? 'a value with a line break'
    : /[^\x20-\x7E\x80-\xFF\t]/.test(value)
      ? 'a value with characters that no HTTP header can hold'
      : null;
  if (problem === null) return value;
  throw new ConfigError('the environment variable holds no key', {
    where,
    expected: `one line in ${shownVariable(variable)}`,
    got: `${problem}; it is not shown`,
    remedy: 'Set the variable to the key alone.',
  });
}

/** Whether a text can be the name of an environment variable and does not look like a key: keys are long, or mix digits
 *  with small letters. */
export function looksLikeVariable(name: string): boolean {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name.length > 64) return false;
  const parts = name.split('_');
  const isRandom = (part: string): boolean =>
    part.length > 24 ||
    (part.length >= 12 && /\d/.test(part)) ||
    (/\d/.test(part) && /[a-z]/.test(part) && part.length > 7);
  return !parts.some(isRandom) && !/^(sk|pk|rk|hf|gsk|xai|ghp|api)_(?=.*[a-z])/.test(name);
}

const credentialName =
  /^(x-)?(api[-_]?)?(key|token|auth|authorization|secret|password|passwd|cookie|sig|signature|code)$|api[-_]?key|(access|auth|subscription|client|proxy|session|secret|private|bearer)[-_]?(key|token|secret|authorization|cookie)/i;
const keyPrefix = /^(sk|pk|rk|hf|gsk|xai|ghp|glpat|api|key)[-_][A-Za-z0-9_-]{6,}/;

/** Whether a field, a header or a part of a query holds a key that stands there itself: by its name, or by its look. */
export function holdsKey(name: string, value: string): boolean {
  const bare = value.replace(/^(bearer|basic|token|key)\s+/i, '').trim();
  if (bare === '' || /\{\{\s*env:/.test(bare)) return false;
  return credentialName.test(name) || looksLikeKey(bare);
}

function looksLikeKey(value: string): boolean {
  return keyPrefix.test(value) || (/^[A-Za-z0-9_+/=-]{28,}$/.test(value) && /\d/.test(value) && /[A-Za-z]/.test(value));
}

/** A variable's name for messages: a key that stands in its place is not shown. */
export function shownVariable(name: string): string {
  return looksLikeVariable(name) ? name : 'the variable that is named there';
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

function spellingsOf(secret: string): readonly string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const html = secret
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&quot;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll("'", '&#39;');
  return [
    secret,
    json,
    JSON.stringify(json).slice(1, -1),
    secret.replaceAll('/', '\\/'),
    html,
    encodeURIComponent(secret),
    encodeURI(secret),
    Buffer.from(secret).toString('hex'),
    Buffer.from(secret).toString('base64'),
    ...[0, 1, 2].flatMap((offset) => base64Cores(secret, offset)),
  ].filter((spelling) => spelling.length >= shortLength);
}

/** Returns the base64 characters of a text that begins `offset` bytes after a multiple of three; they do not depend on
 *  the text around it. */
function base64Cores(secret: string, offset: number): readonly string[] {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
  const first = Math.ceil((offset * 8) / 6);
  const last = Math.floor((bytes.length * 8) / 6);
  return (['base64', 'base64url'] as const).map((encoding) => bytes.toString(encoding).slice(first, last));
}

function piecesOf(secret: string): readonly string[] {
  return Array.from({ length: Math.max(0, secret.length - pieceLength + 1) }, (_, i) =>
    secret.slice(i, i + pieceLength),
  );
}

function withoutPieces(text: string, pieces: ReadonlySet<string>): string {
  if (pieces.size === 0) return text;
  let out = '';
  let [kept, end] = [0, -1];
  for (let at = 0; at + pieceLength <= text.length; at++) {
    if (!pieces.has(text.slice(at, at + pieceLength))) continue;
    if (at > end) {
      out += (end < 0 ? '' : mark) + text.slice(kept, at);
    }
    end = at + pieceLength;
    kept = end;
  }
  return end < 0 ? text : out + mark + text.slice(kept);
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((each) => mapTexts(each, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [change(key), mapTexts(each, change)]));
}
