/** The state of a unit in a checkpoint: values of JSON, and typed arrays (a replay buffer, say), which come back bit for
 *  bit and of the same type. An array lies in state/NAME.bin, in the order of bytes of all machines that we run on,
 *  little endian; the description of the checkpoint says its type and length. */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { FormatError } from '../base/errors.js';
import { onDisk } from '../base/files.js';
import { invariant, present } from '../base/invariant.js';
import type { JsonObject, JsonValue } from '../base/json.js';

const arrayTypes = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;
type ArrayType = keyof typeof arrayTypes;
const types = Object.keys(arrayTypes) as [ArrayType, ...ArrayType[]]; // The keys of the table above.

export type StateArray = InstanceType<(typeof arrayTypes)[ArrayType]>;

/** By name; an array's name is one word, for it becomes the name of a file. */
export type CheckpointState = Readonly<Record<string, JsonValue | StateArray | undefined>>;

const arrayName = /^[A-Za-z][A-Za-z0-9]*$/;

export const arraysSchema = z.record(
  z.string().regex(arrayName),
  z.object({ type: z.enum(types), length: z.int().min(0) }),
);
/** Type and length of each array of a state. */
export type StateArrays = Readonly<Record<string, { readonly type: ArrayType; readonly length: number }>>;

/** Splits a state into what is JSON and its arrays. */
export function splitState(state: CheckpointState): {
  readonly json: JsonObject;
  readonly arrays: Readonly<Record<string, StateArray>>;
} {
  const json: Record<string, JsonValue | undefined> = {};
  const arrays: Record<string, StateArray> = {};
  for (const [name, value] of Object.entries(state)) {
    if (isArray(value)) arrays[name] = value;
    else json[name] = value;
  }
  return { json, arrays };
}

/** Writes arrays below the folder of a checkpoint. Returns their description. @throws EnvironmentError */
export function writeArrays(folder: string, arrays: Readonly<Record<string, StateArray>>): StateArrays {
  const entries = Object.entries(arrays);
  if (entries.length > 0)
    onDisk(folder, () => {
      mkdirSync(join(folder, 'state'));
    });
  return Object.fromEntries(
    entries.map(([name, array]) => {
      invariant(arrayName.test(name), `an array of a state is named by one word ('${name}')`);
      const path = pathOf(folder, name);
      onDisk(path, () => {
        writeFileSync(path, new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
      });
      return [name, { type: typeOf(array), length: array.length }];
    }),
  );
}

/** Reads the arrays of a checkpoint. @throws FormatError for one that was cut, EnvironmentError for one that is missing */
export function readArrays(folder: string, arrays: StateArrays): Readonly<Record<string, StateArray>> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, { type, length }]) => {
      const array = new arrayTypes[type](length);
      readInto(new Uint8Array(array.buffer), pathOf(folder, name));
      return [name, array];
    }),
  );
}

function readInto(bytes: Uint8Array, path: string): void {
  onDisk(path, () => {
    const fd = openSync(path, 'r');
    try {
      const { size } = fstatSync(fd);
      if (size !== bytes.length)
        throw new FormatError('this array of a checkpoint has another length than was written', {
          where: path,
          expected: `${String(bytes.length)} bytes`,
          got: `${String(size)} bytes`,
          remedy: 'Remove this checkpoint: the run then goes on from the one before it.',
        });
      for (let done = 0; done < bytes.length;) done += readSync(fd, bytes, done, bytes.length - done, done);
    } finally {
      closeSync(fd);
    }
  });
}

function pathOf(folder: string, name: string): string {
  return join(folder, 'state', `${name}.bin`);
}

function isArray(value: CheckpointState[string]): value is StateArray {
  return ArrayBuffer.isView(value);
}

function typeOf(array: StateArray): ArrayType {
  const found = types.find((type) => array instanceof arrayTypes[type]);
  return present(found, `an array of a state is of one of the types ${types.join(', ')}`);
}
