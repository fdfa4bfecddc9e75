/** Writes GGUF files, proper and broken, for tests: small, complete, and without any check. */

export type Metadata =
  | { readonly kind: 'u32' | 'f32' | 'u64'; readonly value: number }
  | { readonly kind: 'flag'; readonly value: boolean }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'texts'; readonly value: readonly string[] }
  | { readonly kind: 'i32s' | 'f32s'; readonly value: readonly number[] };

export interface WrittenTensorInfo {
  readonly name: string;
  /** Dimensions in the file's order: innermost first. */
  readonly dimensions: readonly number[];
  readonly type: number;
  readonly offset: number;
}

export interface GgufFile {
  readonly magic?: string;
  readonly version?: number;
  readonly tensorCount?: bigint;
  readonly metadataCount?: bigint;
  readonly metadata?: readonly (readonly [string, Metadata])[];
  readonly tensors?: readonly WrittenTensorInfo[];
  readonly alignment?: number;
  readonly data?: Uint8Array;
}

const typeNumbers = { u32: 4, f32: 6, flag: 7, text: 8, u64: 10, i32: 5 } as const;

export function ggufBytes(file: GgufFile): Uint8Array {
  const { metadata = [], tensors = [], alignment = 32 } = file;
  const parts: Buffer[] = [Buffer.from(file.magic ?? 'GGUF'), u32(file.version ?? 3)];
  parts.push(u64(file.tensorCount ?? BigInt(tensors.length)), u64(file.metadataCount ?? BigInt(metadata.length)));
  for (const [key, value] of metadata) parts.push(text(key), metadataBytes(value));
  for (const { name, dimensions, type, offset } of tensors) {
    parts.push(
      text(name),
      u32(dimensions.length),
      ...dimensions.map((dim) => u64(BigInt(dim))),
      u32(type),
      u64(BigInt(offset)),
    );
  }
  const head = Buffer.concat(parts);
  return Buffer.concat([
    head,
    Buffer.alloc((alignment - (head.length % alignment)) % alignment),
    file.data ?? new Uint8Array(0),
  ]);
}

function metadataBytes(item: Metadata): Buffer {
  switch (item.kind) {
    case 'u32':
      return Buffer.concat([u32(typeNumbers.u32), u32(item.value)]);
    case 'u64':
      return Buffer.concat([u32(typeNumbers.u64), u64(BigInt(item.value))]);
    case 'f32':
      return Buffer.concat([u32(typeNumbers.f32), f32(item.value)]);
    case 'flag':
      return Buffer.concat([u32(typeNumbers.flag), Buffer.of(item.value ? 1 : 0)]);
    case 'text':
      return Buffer.concat([u32(typeNumbers.text), text(item.value)]);
    case 'texts':
      return Buffer.concat([...arrayHead(typeNumbers.text, item.value.length), ...item.value.map(text)]);
    case 'i32s':
      return Buffer.concat([
        ...arrayHead(typeNumbers.i32, item.value.length),
        ...item.value.map((value) => u32(value >>> 0)),
      ]);
    case 'f32s':
      return Buffer.concat([...arrayHead(typeNumbers.f32, item.value.length), ...item.value.map(f32)]);
  }
}

function arrayHead(kind: number, length: number): readonly Buffer[] {
  return [u32(9), u32(kind), u64(BigInt(length))];
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(BigInt(bytes.length)), bytes]);
}
