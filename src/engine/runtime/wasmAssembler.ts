/** A small WebAssembly assembler: functions written as nested expressions in TypeScript become the bytes of a module.
 *  It knows only the instructions that our kernels use. One memory is imported as `env.memory`, so the same module can
 *  be instantiated over every memory of the device. Source of the encodings: WebAssembly core specification 2.0,
 *  chapter 5, with the fixed-width SIMD instructions (opcode prefix 0xfd). */
import { present } from '../../base/invariant.js';

/** Encoded instructions. An expression leaves its value on the stack. */
export type Code = readonly number[];
export type WasmType = 'i32' | 'f32' | 'f64' | 'v128';

export interface WasmFunction {
  readonly name: string;
  /** In order; the order of the keys is the order of the arguments. */
  readonly parameters: Readonly<Record<string, WasmType>>;
  readonly locals: Readonly<Record<string, WasmType>>;
  readonly result: WasmType | null;
  readonly body: (local: LocalNames) => readonly Code[];
}

export interface LocalNames {
  readonly get: (name: string) => Code;
  readonly set: (name: string, value: Code) => Code;
}

const typeCode: Readonly<Record<WasmType, number>> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const emptyBlock = 0x40;

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return bytes;
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

function float32(value: number): number[] {
  return [...new Uint8Array(new Float32Array([value]).buffer)];
}

const plain =
  (opcode: number) =>
  (...operands: readonly Code[]): Code => [...operands.flat(), opcode];
const simd =
  (opcode: number) =>
  (...operands: readonly Code[]): Code => [...operands.flat(), 0xfd, ...unsigned(opcode)];
const access =
  (prefix: readonly number[], align: number) =>
  (address: Code, offset: number, value: Code = []): Code => [
    ...address,
    ...value,
    ...prefix,
    align,
    ...unsigned(offset),
  ];

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  add: plain(0x6a),
  sub: plain(0x6b),
  and: plain(0x71),
  shl: plain(0x74),
  shrU: plain(0x76),
  eqz: plain(0x45),
};
export const f32 = {
  const: (value: number): Code => [0x43, ...float32(value)],
  load: access([0x2a], 2),
  store: access([0x38], 2),
  add: plain(0x92),
  sub: plain(0x93),
  mul: plain(0x94),
  div: plain(0x95),
  min: plain(0x96),
  max: plain(0x97),
  sqrt: plain(0x91),
};
export const f64 = {
  const: (value: number): Code => [0x44, ...new Uint8Array(new Float64Array([value]).buffer)],
  add: plain(0xa0),
  mul: plain(0xa2),
  promote: plain(0xbb),
};
export const v128 = { load: access([0xfd, 0x00], 0), store: access([0xfd, 0x0b], 0), and: simd(0x4e) };
export const f32x4 = {
  splat: simd(0x13),
  add: simd(0xe4),
  sub: simd(0xe5),
  mul: simd(0xe6),
  div: simd(0xe7),
  sqrt: simd(0xe3),
  ge: simd(0x46),
  /** b where a < b, else a: one instruction, and a NaN is kept or lost by its place. */
  pseudoMax: simd(0xeb),
  lane: (vector: Code, index: number): Code => [...vector, 0xfd, 0x1f, index],
  const: (value: number): Code => [0xfd, 0x0c, ...[0, 1, 2, 3].flatMap(() => float32(value))],
};
export const i32x4 = { splat: simd(0x11), add: simd(0xae), shl: simd(0xab) };
export const f64x2 = {
  add: simd(0xf0),
  mul: simd(0xf2),
  /** The two low lanes of an f32x4 as doubles; `promoteHigh` the two high ones. */
  promoteLow: simd(0x5f),
  promoteHigh: (vector: Code, again: Code): Code => [
    ...vector,
    ...again,
    0xfd,
    0x0d,
    ...[8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15],
    0xfd,
    0x5f,
  ],
  lane: (vector: Code, index: number): Code => [...vector, 0xfd, 0x21, index],
};

/** Runs the body while the condition (an i32 expression) is not zero. */
export function whileTrue(condition: Code, body: readonly Code[]): Code {
  return [0x02, emptyBlock, 0x03, emptyBlock, ...condition, 0x45, 0x0d, 1, ...body.flat(), 0x0c, 0, 0x0b, 0x0b];
}

/** The bytes of a module that imports `env.memory` and exports the functions. */
export function assembleModule(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters, result }) => {
    const inputs = Object.values(parameters).map((type) => typeCode[type]);
    const outputs = result === null ? [] : [typeCode[result]];
    return [0x60, ...unsigned(inputs.length), ...inputs, outputs.length, ...outputs];
  });
  const memoryImport = [...text('env'), ...text('memory'), 0x02, 0x00, ...unsigned(0)];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([memoryImport])),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(7, vector(functions.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]))),
    ...section(10, vector(functions.map(assembleFunction))),
  ]);
}

function assembleFunction({ parameters, locals, body }: WasmFunction): number[] {
  const names = [...Object.keys(parameters), ...Object.keys(locals)];
  const index = (name: string): number[] => {
    const found = names.indexOf(name);
    return unsigned(present(found < 0 ? undefined : found, `wasm local ${name} is declared`));
  };
  const code = body({
    get: (name) => [0x20, ...index(name)],
    set: (name, value) => [...value, 0x21, ...index(name)],
  }).flat();
  const declarations = vector(Object.values(locals).map((type) => [1, typeCode[type]]));
  const bytes = [...declarations, ...code, 0x0b];
  return [...unsigned(bytes.length), ...bytes];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function text(value: string): number[] {
  return [...unsigned(value.length), ...new TextEncoder().encode(value)];
}
