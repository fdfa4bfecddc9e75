import { appendFileSync, mkdtempSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EnvironmentError, FormatError } from '../base/errors.js';
import { RecordLog, readAllRecords } from './recordLog.js';

const fresh = (): string => join(mkdtempSync(join(tmpdir(), 'gadfly-log-')), 'records.jsonl');

describe('RecordLog', () => {
  it('a file cut at any byte opens to its complete records and goes on from there', async () => {
    const anyRecords = fc.array(fc.record({ text: fc.string(), n: fc.integer() }), { minLength: 1, maxLength: 8 });
    const anyShare = fc.double({ min: 0, max: 1, noNaN: true });
    await fc.assert(
      fc.asyncProperty(anyRecords, anyShare, async (records, keep) => {
        const path = fresh();
        const log = RecordLog.open(path);
        const ends = records.map((record) => {
          log.append(record);
          return log.position;
        });
        log.close();
        const cut = Math.floor(readFileSync(path).length * keep);
        truncateSync(path, cut);
        const whole = ends.filter((end) => end <= cut).length;
        expect(await readAllRecords(path)).toEqual(records.slice(0, whole));
        const again = RecordLog.open(path);
        expect(again.position).toBe(whole === 0 ? 0 : ends[whole - 1]);
        expect(again.healedBytes).toBe(cut - again.position);
        again.append(...records.slice(whole));
        again.close();
        expect(await readAllRecords(path)).toEqual(records);
      }),
      { numRuns: 60, seed: 2 },
    );
  });

  it('a tail of zero bytes, as a power failure leaves it, is cut off', () => {
    const path = fresh();
    writeFileSync(path, Buffer.concat([Buffer.from('{"a":1}\n'), Buffer.alloc(100_000), Buffer.from('\n')]));
    const log = RecordLog.open(path);
    expect(log.position).toBe(8);
    log.close();
  });

  it('goes back to a position it had, and to no other', () => {
    const log = RecordLog.open(fresh());
    log.append({ a: 1 });
    const { position } = log;
    log.append({ b: 2 });
    expect(() => {
      log.truncateTo(position + 1);
    }).toThrow(FormatError);
    expect(() => {
      log.truncateTo(position + 100);
    }).toThrow(FormatError);
    log.truncateTo(position);
    expect(readFileSync(log.path, 'utf8')).toBe('{"a":1}\n');
    log.close();
  });

  it('refuses numbers that JSON does not have, and writes nothing of that call', () => {
    const log = RecordLog.open(fresh());
    expect(() => {
      log.append({ a: 1 }, { harm: NaN });
    }).toThrow(/key 'harm' is NaN/);
    expect(log.position).toBe(0);
    log.close();
  });

  it('names the line that is damaged in the middle of a file', async () => {
    const path = fresh();
    appendFileSync(path, '{"a":1}\n{"a":\n{"a":3}\n');
    await expect(readAllRecords(path)).rejects.toThrow(/records\.jsonl:2/);
  });

  it.runIf(process.platform === 'linux')('says so when the disk is full', () => {
    const log = RecordLog.open('/dev/full');
    expect(() => {
      log.append({ a: 1 });
    }).toThrow(EnvironmentError);
    expect(() => {
      log.append({ a: 1 });
    }).toThrow(/the disk is full/);
    expect(log.position).toBe(0);
    log.close();
  });
});
