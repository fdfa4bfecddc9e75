/** The protobuf wire format, writing only: as much of it as ONNX needs.
 *  Source: protobuf.dev/programming-guides/encoding. */

/** A list of encoded fields; a message is the sequence of its fields. */
export type Fields = readonly Uint8Array[];

const text = new TextEncoder();

/** int32, int64, enum, bool: negative numbers take ten bytes, as the format wants. */
export function integerField(field: number, value: number | bigint): Fields {
  return [Uint8Array.from([...varint(BigInt(field << 3)), ...varint(BigInt.asUintN(64, BigInt(value)))])];
}

export function floatField(field: number, value: number): Fields {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return [Uint8Array.from(varint(BigInt((field << 3) | 5))), bytes];
}

export function bytesField(field: number, bytes: Uint8Array): Fields {
  return [lengthPrefix(field, bytes.length), bytes];
}

export function stringField(field: number, value: string): Fields {
  return bytesField(field, text.encode(value));
}

export function messageField(field: number, ...parts: readonly Fields[]): Fields {
  const fields = parts.flat();
  return [
    lengthPrefix(
      field,
      fields.reduce((sum, { length }) => sum + length, 0),
    ),
    ...fields,
  ];
}

/** The bytes of a top-level message. */
export function encodeMessage(...parts: readonly Fields[]): Uint8Array {
  const fields = parts.flat();
  const bytes = new Uint8Array(fields.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const each of fields) {
    bytes.set(each, offset);
    offset += each.length;
  }
  return bytes;
}

function lengthPrefix(field: number, length: number): Uint8Array {
  return Uint8Array.from([...varint(BigInt((field << 3) | 2)), ...varint(BigInt(length))]);
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}
