/** The header of a safetensors file: parsing with every check that the format asks for, and writing. Layout: u64 header
 *  length, JSON header {name: {dtype, shape, data_offsets}}, then the tensors' bytes without hole or overlap. Source:
 *  https://github.com/huggingface/safetensors#format. The file is not trusted: nothing is allocated on its word. */
import { FormatError } from '../../../base/errors.js';

/** Bytes of an element, for every type the format names. Only some are readable (see safetensors.ts). */
const elementBytes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
  C64: 8,
} as const satisfies Record<string, number>;

export type SafetensorsType = keyof typeof elementBytes;

export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: SafetensorsType;
  readonly shape: readonly number[];
  /** Bytes from the start of the data (not of the file). */
  readonly begin: number;
  readonly end: number;
}

/** The official readers refuse longer headers as well. */
export const maxHeaderBytes = 100_000_000;

/** @param text the header's JSON
 *  @param dataBytes bytes of the file after the header
 *  @param where named in errors
 *  @throws FormatError on anything that is not exactly the format */
export function parseSafetensorsHeader(text: string, dataBytes: number, where: string): readonly SafetensorsEntry[] {
  const header = parseObject(text, where);
  const entries: SafetensorsEntry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') entries.push(parseEntry(name, value, where));
  }
  const ordered = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let reached = 0;
  for (const { name, begin, end } of ordered) {
    if (end > dataBytes) {
      throw new FormatError(`the bytes of tensor ${quoted(name)} lie past the end of the file`, {
        where,
        expected: `offsets up to ${dataBytes}`,
        got: `[${begin}, ${end}]`,
        remedy: 'The file was cut short: fetch or copy it again.',
      });
    }
    if (begin !== reached) {
      throw new FormatError(
        `the bytes of tensor ${quoted(name)} ${begin < reached ? 'overlap another tensor' : 'leave a hole before them'}`,
        {
          where,
          expected: `offset ${reached}`,
          got: `offset ${begin}`,
        },
      );
    }
    reached = end;
  }
  if (reached !== dataBytes) {
    throw new FormatError('bytes after the last tensor', {
      where,
      expected: `${reached} bytes of data`,
      got: `${dataBytes}`,
    });
  }
  return entries;
}

/** Header bytes for tensors laid one after another, padded with spaces so that the data starts at a multiple of 8. */
export function encodeSafetensorsHeader(
  tensors: readonly { readonly name: string; readonly shape: readonly number[]; readonly bytes: number }[],
  dtype: SafetensorsType,
): Uint8Array {
  const header: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  header['__metadata__'] = { format: 'pt' };
  let offset = 0;
  for (const { name, shape, bytes } of tensors) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(text.length / 8) * 8;
  const out = new Uint8Array(8 + padded).fill(0x20);
  new DataView(out.buffer).setBigUint64(0, BigInt(padded), true);
  out.set(text, 8);
  return out;
}

function parseObject(text: string, where: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw new FormatError('the header is not JSON', {
      where,
      got: text.slice(0, 60),
      remedy: 'Is this a safetensors file?',
      cause,
    });
  }
  if (!isRecord(header)) throw new FormatError('the header is not a JSON object', { where, got: text.slice(0, 60) });
  const duplicate = findDuplicateKey(text);
  if (duplicate !== null) throw new FormatError(`the name ${quoted(duplicate)} occurs twice in the header`, { where });
  return header;
}

function parseEntry(name: string, value: unknown, where: string): SafetensorsEntry {
  const fail = (problem: string): never => {
    throw new FormatError(`tensor ${quoted(name)}: ${problem}`, {
      where,
      got: JSON.stringify(value)?.slice(0, 200) ?? 'nothing',
    });
  };
  if (!isRecord(value)) return fail('its entry is not an object');
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !isSafetensorsType(dtype)) return fail('unknown element type');
  if (!isCountArray(shape)) return fail('its shape is not a list of non-negative integers');
  if (!isCountArray(offsets) || offsets.length !== 2) return fail('its data_offsets are not two non-negative integers');
  const [begin, end] = offsets as readonly [number, number];
  const bytes = shape.reduce((product, dim) => product * dim, elementBytes[dtype]);
  if (!Number.isSafeInteger(bytes) || end - begin !== bytes) {
    return fail(`its shape needs ${bytes} bytes, its offsets span ${end - begin}`);
  }
  return { name, dtype, shape, begin, end };
}

function isSafetensorsType(dtype: string): dtype is SafetensorsType {
  return Object.hasOwn(elementBytes, dtype);
}

function isCountArray(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}

/** A key that occurs twice in one object of valid JSON, or null. JSON.parse keeps the last silently; two readers of one
 *  file could then see different tensors. */
function findDuplicateKey(json: string): string | null {
  const scopes: (Set<string> | null)[] = [];
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs;
  for (let match = token.exec(json); match !== null; match = token.exec(json)) {
    const text = match[0];
    if (text === '{') scopes.push(new Set());
    else if (text === '[') scopes.push(null);
    else if (text === '}' || text === ']') scopes.pop();
    else {
      const scope = scopes.at(-1);
      if (scope === null || scope === undefined || !/^\s*:/.test(json.slice(token.lastIndex, token.lastIndex + 64)))
        continue;
      const key = JSON.parse(text) as string;
      if (scope.has(key)) return key;
      scope.add(key);
    }
  }
  return null;
}
