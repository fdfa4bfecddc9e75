/** Vectors in a file, written as they come and read at once: numpy's .npy, version 1.0, float32 in C order, so that
 *  `numpy.load` opens it. Source: numpy/lib/format.py. */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { FormatError } from '../base/errors.js';
import { onDisk } from '../base/files.js';
import { invariant } from '../base/invariant.js';
import type { Points } from '../stats/pointProducts.js';

type Shape = Pick<Points, 'count' | 'width'>;

export interface VectorFile {
  readonly append: (vectors: readonly Float32Array[]) => void;
  /** Waits until everything appended is on the disk. */
  readonly sync: () => void;
  readonly close: () => void;
}

/** Opens a file for vectors to come.
 *  @param shape of the whole file
 *  @param kept number of vectors, the first ones, that the file holds already; the rest of it is cut off
 *  @throws EnvironmentError; FormatError when the file holds fewer than `kept` */
export function openVectorFile(path: string, { count, width }: Shape, kept: number): VectorFile {
  return onDisk(path, () => {
    const header = headerOf({ count, width });
    const fd = openSync(path, kept === 0 ? 'w' : 'r+');
    let position = header.length + kept * width * 4;
    if (kept === 0) writeAll(fd, header, 0);
    else if (fstatSync(fd).size < position) {
      closeSync(fd);
      throw new FormatError('vectors are missing', {
        where: path,
        expected: `${String(kept)} vectors of ${String(width)} elements`,
        remedy: 'Start a new run: the file was changed by something else than Gadfly.',
      });
    }
    ftruncateSync(fd, position);
    return {
      append: (vectors) => {
        invariant(
          vectors.every(({ length }) => length === width),
          'vectors have the width of their file',
        );
        const values = new Float32Array(vectors.length * width);
        for (const [i, vector] of vectors.entries()) values.set(vector, i * width);
        onDisk(path, () => {
          writeAll(fd, Buffer.from(values.buffer), position);
        });
        position += values.byteLength;
      },
      sync: () => {
        onDisk(path, () => {
          fsyncSync(fd);
        });
      },
      close: () => {
        closeSync(fd);
      },
    };
  });
}

/** @throws EnvironmentError, FormatError for a file that is damaged or not whole */
export function readVectors(path: string): Points {
  return onDisk(path, () => {
    const fd = openSync(path, 'r');
    try {
      const start = Buffer.alloc(10);
      readSync(fd, start, 0, 10, 0);
      const header = Buffer.alloc(start.readUInt16LE(8));
      readSync(fd, header, 0, header.length, 10);
      const [, count, width] = /'descr': '<f4', .*'shape': \((\d+), (\d+)\)/.exec(header.toString('latin1')) ?? [];
      const shape = { count: Number(count), width: Number(width) };
      const offset = 10 + header.length;
      if (count === undefined || fstatSync(fd).size !== offset + shape.count * shape.width * 4) {
        throw new FormatError('no whole file of float32 vectors', {
          where: path,
          remedy: 'Start a new run: the file was changed by something else than Gadfly.',
        });
      }
      const values_NC = new Float32Array(shape.count * shape.width);
      const bytes = new Uint8Array(values_NC.buffer);
      for (let at = 0; at < bytes.length;)
        at += readSync(fd, bytes, at, Math.min(2 ** 26, bytes.length - at), offset + at);
      return { ...shape, values_NC };
    } finally {
      closeSync(fd);
    }
  });
}

function headerOf({ count, width }: Shape): Buffer {
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${String(count)}, ${String(width)}), }`;
  const length = 64 * Math.ceil((10 + dictionary.length + 1) / 64) - 10;
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, length & 255, length >> 8]); // \x93NUMPY 1.0
  return Buffer.concat([start, Buffer.from(`${dictionary.padEnd(length - 1)}\n`, 'latin1')]);
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}
