/** Element types of GGUF and how each becomes f32, to the bit as the `gguf` Python package 0.19 does it: products and
 *  sums are rounded to f32 where that package's arrays are f32. Layouts: ggml-common.h of llama.cpp. One table entry a
 *  type. */
import { halfValues, readBrainFloat, readHalf } from './halfPrecision.js';

export interface GgufType {
  readonly name: string;
  /** Elements of the smallest unit, a block. */
  readonly blockElements: number;
  readonly blockBytes: number;
  /** Writes the f32 values of `blocks` blocks in `bytes` to `out` from `at` on. */
  readonly read: (bytes: Uint8Array, blocks: number, out: Float32Array, at: number) => void;
}

/** Writes one block that starts at `from`. */
type ReadBlock = (bytes: Uint8Array, from: number, out: Float32Array, at: number) => void;

function blockType(name: string, blockElements: number, blockBytes: number, readBlock: ReadBlock): GgufType {
  return {
    name,
    blockElements,
    blockBytes,
    read: (bytes, blocks, out, at) => {
      for (let i = 0; i < blocks; i++) readBlock(bytes, i * blockBytes, out, at + i * blockElements);
    },
  };
}

const f32: GgufType = {
  name: 'F32',
  blockElements: 1,
  blockBytes: 4,
  read: (bytes, blocks, out, at) => {
    new Uint8Array(out.buffer, out.byteOffset + at * 4, blocks * 4).set(bytes.subarray(0, blocks * 4));
  },
};
const f16: GgufType = { name: 'F16', blockElements: 1, blockBytes: 2, read: readHalf };
const bf16: GgufType = { name: 'BF16', blockElements: 1, blockBytes: 2, read: readBrainFloat };

/** 32 signed bytes with one scale. */
const q8_0 = blockType('Q8_0', 32, 34, (bytes, from, out, at) => {
  const scale = half(bytes, from);
  for (let i = 0; i < 32; i++) out[at + i] = (((bytes[from + 2 + i] as number) << 24) >> 24) * scale;
});

/** 32 nibbles, low halves first; value = scale × (nibble − 8). */
const q4_0 = blockType('Q4_0', 32, 18, (bytes, from, out, at) => {
  const scale = half(bytes, from);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[from + 2 + i] as number;
    out[at + i] = scale * ((pair & 15) - 8);
    out[at + 16 + i] = scale * ((pair >> 4) - 8);
  }
});

/** 32 nibbles; value = scale × nibble + minimum. */
const q4_1 = blockType('Q4_1', 32, 20, (bytes, from, out, at) => {
  const scale = half(bytes, from);
  const minimum = half(bytes, from + 2);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[from + 4 + i] as number;
    out[at + i] = Math.fround(scale * (pair & 15)) + minimum;
    out[at + 16 + i] = Math.fround(scale * (pair >> 4)) + minimum;
  }
});

/** Q5_0 is Q4_0 with a fifth bit per element in one word. */
const q5_0 = blockType('Q5_0', 32, 22, (bytes, from, out, at) => {
  const scale = half(bytes, from);
  const fifth = word(bytes, from + 2);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[from + 6 + i] as number;
    out[at + i] = scale * (((pair & 15) | (((fifth >>> i) & 1) << 4)) - 16);
    out[at + 16 + i] = scale * (((pair >> 4) | (((fifth >>> (16 + i)) & 1) << 4)) - 16);
  }
});

/** Q5_1 is Q4_1 with a fifth bit. */
const q5_1 = blockType('Q5_1', 32, 24, (bytes, from, out, at) => {
  const scale = half(bytes, from);
  const minimum = half(bytes, from + 2);
  const fifth = word(bytes, from + 4);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[from + 8 + i] as number;
    out[at + i] = Math.fround(scale * ((pair & 15) | (((fifth >>> i) & 1) << 4))) + minimum;
    out[at + 16 + i] = Math.fround(scale * ((pair >> 4) | (((fifth >>> (16 + i)) & 1) << 4))) + minimum;
  }
});

/** 256 elements in 8 groups; each group has a 6-bit scale and minimum, scaled again by two halves. */
const q4_k = blockType('Q4_K', 256, 144, (bytes, from, out, at) => {
  const { scales, minimums } = groupScales(bytes, from);
  for (let group = 0; group < 8; group++) {
    const scale = scales[group] as number;
    const minimum = minimums[group] as number;
    const nibbles = from + 16 + (group >> 1) * 32;
    const shift = (group & 1) * 4;
    for (let i = 0; i < 32; i++) {
      out[at + group * 32 + i] = Math.fround(scale * (((bytes[nibbles + i] as number) >> shift) & 15)) - minimum;
    }
  }
});

/** Q5_K is Q4_K with a fifth bit: bit g of byte i of the plane belongs to element i of group g. */
const q5_k = blockType('Q5_K', 256, 176, (bytes, from, out, at) => {
  const { scales, minimums } = groupScales(bytes, from);
  const plane = from + 16;
  for (let group = 0; group < 8; group++) {
    const scale = scales[group] as number;
    const minimum = minimums[group] as number;
    const nibbles = from + 48 + (group >> 1) * 32;
    const shift = (group & 1) * 4;
    for (let i = 0; i < 32; i++) {
      const fifth = (((bytes[plane + i] as number) >> group) & 1) << 4;
      out[at + group * 32 + i] =
        Math.fround(scale * ((((bytes[nibbles + i] as number) >> shift) & 15) | fifth)) - minimum;
    }
  }
});

/** 256 elements of 6 bits (4 low in nibbles, 2 high in a plane), 16 groups with a signed byte as scale, scaled again by
 *  a half. */
const q6_k = blockType('Q6_K', 256, 210, (bytes, from, out, at) => {
  const scale = half(bytes, from + 208);
  for (let i = 0; i < 256; i++) {
    const part = i >> 7;
    const quarter = (i >> 5) & 3;
    const column = i & 31;
    const low = ((bytes[from + part * 64 + (quarter & 1) * 32 + column] as number) >> ((quarter >> 1) * 4)) & 15;
    const high = ((bytes[from + 128 + part * 32 + column] as number) >> (quarter * 2)) & 3;
    const groupScale = Math.fround(scale * (((bytes[from + 192 + (i >> 4)] as number) << 24) >> 24));
    out[at + i] = groupScale * ((low | (high << 4)) - 32);
  }
});

/** By ggml's type number. */
export const ggufTypes: ReadonlyMap<number, GgufType> = new Map([
  [0, f32],
  [1, f16],
  [2, q4_0],
  [3, q4_1],
  [6, q5_0],
  [7, q5_1],
  [8, q8_0],
  [12, q4_k],
  [13, q5_k],
  [14, q6_k],
  [30, bf16],
]);

function half(bytes: Uint8Array, at: number): number {
  return halfValues()[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

const scales8 = new Float32Array(8);
const minimums8 = new Float32Array(8);

/** Scales and minimums of the 8 groups of a K block, from 12 bytes that hold 16 numbers of 6 bits. */
function groupScales(
  bytes: Uint8Array,
  from: number,
): { readonly scales: Float32Array; readonly minimums: Float32Array } {
  const scale = half(bytes, from);
  const minimum = half(bytes, from + 2);
  for (let i = 0; i < 4; i++) {
    const a = bytes[from + 4 + i] as number;
    const b = bytes[from + 8 + i] as number;
    const c = bytes[from + 12 + i] as number;
    scales8[i] = scale * (a & 0x3f);
    minimums8[i] = minimum * (b & 0x3f);
    scales8[4 + i] = scale * ((c & 15) | ((a >> 2) & 0x30));
    minimums8[4 + i] = minimum * ((c >> 4) | ((b >> 2) & 0x30));
  }
  return { scales: scales8, minimums: minimums8 };
}
