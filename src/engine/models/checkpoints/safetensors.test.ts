import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, FormatError } from '../../../base/errors.js';
import { halfValues, toBrainFloat, toHalf } from './halfPrecision.js';
import { openSafetensors } from './safetensors.js';

const golden = (name: string): string =>
  fileURLToPath(new URL(`../../../../tests/golden/safetensorsFiles/${name}`, import.meta.url));
const expected = JSON.parse(readFileSync(golden('expected.json'), 'utf8')) as {
  readonly tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly bits: readonly number[] }>>;
  readonly conversions: Readonly<Record<'halfValues' | 'toHalf' | 'toBrainFloat', string>> & { readonly count: number };
};
const directory = mkdtempSync(join(tmpdir(), 'gadfly-safetensors-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('a file of the official library', () => {
  it('gives every f32, f16 and bf16 tensor bit for bit', async () => {
    const file = await openSafetensors(golden('mixed.safetensors'));
    for (const [name, { shape, bits }] of Object.entries(expected.tensors)) {
      const tensor = file.tensors.get(name);
      expect(tensor?.shape, name).toEqual(shape);
      const data = await tensor?.read();
      expect(Array.from(new Uint32Array(data?.buffer ?? new ArrayBuffer(0), 0, data?.length)), name).toEqual(bits);
    }
    await file.close();
  });

  it('refuses, when asked for it, a tensor of integers, and says its type', async () => {
    const file = await openSafetensors(golden('mixed.safetensors'));
    await expect(file.tensors.get('integers')?.read()).rejects.toThrow(/I64[\s\S]*F32, F16 or BF16/);
    await file.close();
  });
});

describe('16-bit conversions equal those of PyTorch', () => {
  const sha256 = (data: NodeJS.ArrayBufferView): string => createHash('sha256').update(data).digest('hex');
  const { conversions } = expected;
  const halves = halfValues().filter((value) => !Number.isNaN(value));
  const edges = new Uint32Array(halves.buffer);
  const words: number[] = [];
  for (let word = 0; word < 2 ** 32; word += 65521 * 3) words.push(word);
  for (const d of [-1, 1, 0x0fff, 0x1000, 0x1001, 0x7fff, 0x8000])
    for (const edge of edges) words.push((edge + d) >>> 0);
  const values = new Float32Array(Uint32Array.from(words).buffer).filter((value) => !Number.isNaN(value));

  it('for every half as f32', () => {
    expect(sha256(halves)).toBe(conversions.halfValues);
  });
  it('for f32 values at every rounding boundary, as halves and as bfloat16', () => {
    expect(values).toHaveLength(conversions.count);
    expect(sha256(toHalf(values))).toBe(conversions.toHalf);
    expect(sha256(toBrainFloat(values))).toBe(conversions.toBrainFloat);
  });
  it('and NaN stays NaN', () => {
    expect(halfValues()[toHalf(Float32Array.of(NaN))[0] ?? 0]).toBeNaN();
    expect(((toBrainFloat(Float32Array.of(NaN))[0] ?? 0) & 0x7fff) > 0x7f80).toBe(true);
  });
});

describe('64-bit floats', () => {
  it('become the nearest 32-bit ones', async () => {
    const path = join(directory, 'f64.safetensors');
    const header = Buffer.from(JSON.stringify({ a: { dtype: 'F64', shape: [3], data_offsets: [0, 24] } }));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(path, Buffer.concat([size, header, Buffer.from(Float64Array.from([0.1, -2, 1e-3]).buffer)]));
    const file = await openSafetensors(path);
    expect(await file.tensors.get('a')?.read()).toEqual(Float32Array.from([0.1, -2, 1e-3]));
    await file.close();
  });
});

describe('a hostile file is a FormatError', () => {
  let count = 0;
  const openBytes = async (bytes: Uint8Array): Promise<void> => {
    const path = join(directory, `${count++}.safetensors`);
    writeFileSync(path, bytes);
    await (await openSafetensors(path)).close();
  };
  const fileOf = (header: string | object, dataBytes = 0, claimedLength?: bigint): Uint8Array => {
    const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
    const bytes = Buffer.alloc(8 + text.length + dataBytes);
    bytes.writeBigUInt64LE(claimedLength ?? BigInt(text.length));
    text.copy(bytes, 8);
    return bytes;
  };
  const tensor = (shape: unknown, begin: unknown, end: unknown, dtype: unknown = 'F32'): object => ({
    dtype,
    shape,
    data_offsets: [begin, end],
  });

  it('but a proper one, with metadata and spaces after the header, is not', async () => {
    await openBytes(
      fileOf(
        `${JSON.stringify({ __metadata__: { format: 'pt' }, a: tensor([2], 0, 8), b: tensor([], 8, 12) })}   `,
        12,
      ),
    );
    await openBytes(fileOf({}));
  });

  it.each([
    ['empty', new Uint8Array(0)],
    ['shorter than its length field', new Uint8Array(5)],
    ['with a header past the end of the file', fileOf({}, 0, 1000n)],
    ['with a header length of 2^64 - 1', fileOf({}, 0, 0xffff_ffff_ffff_ffffn)],
    ['with a header length over the cap', fileOf({}, 0, 100_000_001n)],
    ['whose header is not JSON', fileOf('{"a": nonsense}')],
    ['whose header is not UTF-8', Buffer.concat([fileOf('', 0, 4n), Buffer.from([0x7b, 0xff, 0xfe, 0x7d])])],
    ['whose header is a list', fileOf('[]')],
    ['whose header is null', fileOf('null')],
    ['with a tensor that is no object', fileOf({ a: 3 })],
    ['with an unknown element type', fileOf({ a: tensor([1], 0, 4, 'F33') }, 4)],
    ['with a type named like a method', fileOf({ a: tensor([1], 0, 4, 'constructor') }, 4)],
    ['with a negative dimension', fileOf({ a: tensor([-1], 0, 4) }, 4)],
    ['with a fractional dimension', fileOf({ a: tensor([1.5], 0, 6) }, 6)],
    ['with a shape that is no list', fileOf({ a: tensor({ 0: 1 }, 0, 4) }, 4)],
    ['with a shape whose product overflows', fileOf({ a: tensor([2 ** 40, 2 ** 40], 0, 4) }, 4)],
    ['with negative offsets', fileOf({ a: tensor([1], -4, 0) }, 4)],
    ['with textual offsets', fileOf({ a: tensor([1], '0', '4') }, 4)],
    ['with three offsets', fileOf({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, 8)],
    ['with offsets in reverse', fileOf({ a: tensor([1], 4, 0) }, 4)],
    ['with offsets past the end', fileOf({ a: tensor([4], 0, 16) }, 8)],
    ['with enormous offsets', fileOf({ a: tensor([2 ** 50], 0, 2 ** 52) }, 8)],
    ['with fewer bytes than the shape needs', fileOf({ a: tensor([2], 0, 4) }, 4)],
    ['with more bytes than the shape needs', fileOf({ a: tensor([1], 0, 8) }, 8)],
    ['with overlapping tensors', fileOf({ a: tensor([2], 0, 8), b: tensor([2], 4, 12) }, 12)],
    ['with the same bytes twice', fileOf({ a: tensor([2], 0, 8), b: tensor([2], 0, 8) }, 8)],
    ['with a hole', fileOf({ a: tensor([1], 0, 4), b: tensor([1], 8, 12) }, 12)],
    ['with a hole at the start', fileOf({ a: tensor([1], 4, 8) }, 8)],
    ['with bytes after the last tensor', fileOf({ a: tensor([1], 0, 4) }, 8)],
    [
      'with a name twice',
      fileOf(`{"a": ${JSON.stringify(tensor([1], 0, 4))}, "a": ${JSON.stringify(tensor([1], 4, 8))}}`, 8),
    ],
    [
      'with a name twice, spelled otherwise',
      fileOf(`{"a": ${JSON.stringify(tensor([1], 0, 4))}, "\\u0061": ${JSON.stringify(tensor([1], 4, 8))}}`, 8),
    ],
    [
      'with a key of a tensor twice',
      fileOf('{"a": {"dtype": "F32", "dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', 4),
    ],
  ])('%s', async (_name, bytes) => {
    await expect(openBytes(bytes)).rejects.toThrow(FormatError);
  });

  it('cut short anywhere', async () => {
    const whole = readFileSync(golden('mixed.safetensors'));
    for (let length = 0; length < whole.length; length += 13)
      await expect(openBytes(whole.subarray(0, length)), `${length}`).rejects.toThrow(FormatError);
  });
});

it('a missing file is a ConfigError that names it', async () => {
  await expect(openSafetensors(join(directory, 'absent.safetensors'))).rejects.toThrow(ConfigError);
  await expect(openSafetensors(join(directory, 'absent.safetensors'))).rejects.toThrow(/absent/);
});
