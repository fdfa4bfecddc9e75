import { mkdtempSync, readFileSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openVectorFile, readVectors } from './vectorFile.js';

const path = (): string => join(mkdtempSync(join(tmpdir(), 'gadfly-vectors-')), 'vectors.npy');
const vector = (n: number): Float32Array => Float32Array.of(n, n + 0.5, -n);

describe('a file of vectors', () => {
  it('gives back what was written, and is numpy’s', () => {
    const at = path();
    const file = openVectorFile(at, { count: 3, width: 3 }, 0);
    file.append([vector(1), vector(2)]);
    file.append([vector(3)]);
    file.close();
    expect(readVectors(at)).toEqual({
      count: 3,
      width: 3,
      values_NC: Float32Array.of(1, 1.5, -1, 2, 2.5, -2, 3, 3.5, -3),
    });
    // numpy.save(…, float32 of shape (3, 3)), numpy 2.4: magic, version 1.0, 118 bytes of header.
    const header = readFileSync(at).subarray(0, 128).toString('latin1');
    expect(header).toBe(
      `\u0093NUMPY\u0001\u0000v\u0000${"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3), }".padEnd(117)}\n`,
    );
  });

  it('goes on behind the vectors that are kept, and refuses a file that lacks some', () => {
    const at = path();
    const shape = { count: 3, width: 3 };
    const first = openVectorFile(at, shape, 0);
    first.append([vector(1), vector(7)]);
    first.close();
    expect(() => readVectors(at)).toThrow(/no whole file/);
    const again = openVectorFile(at, shape, 1);
    again.append([vector(2), vector(3)]);
    again.close();
    expect([...readVectors(at).values_NC.filter((_, i) => i % 3 === 0)]).toEqual([1, 2, 3]);
    truncateSync(at, 130);
    expect(() => openVectorFile(at, shape, 2)).toThrow(/vectors are missing/);
  });
});
