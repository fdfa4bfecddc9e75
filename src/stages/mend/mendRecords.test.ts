import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRecords } from '../../runs/recordLog.js';
import { readMeasuredReply } from './mendRecords.js';

describe('readMeasuredReply', () => {
  it('names the line and the key of a reply that is damaged', async () => {
    const measure = { text: 'hello', harm: 0, failed: false, replyNll: 1, coherence: null, evasive: false };
    const reply = {
      stage: 'mend:mend:measure:adpo',
      set: 'harmful',
      group: 'g',
      prompt: { text: 'the shop' },
      turns: [{ text: 'hello' }],
      measure: { ...measure, evasion: null, klNats: null, tokens: 3 },
    };
    const path = join(mkdtempSync(join(tmpdir(), 'gadfly-measured-')), 'rollouts.jsonl');
    const damaged = { ...reply, measure: { ...reply.measure, harm: 'low' } };
    writeFileSync(path, [reply, damaged].map((record) => `${JSON.stringify(record)}\n`).join(''));
    const found: string[] = [];
    await expect(
      (async () => {
        for await (const line of readRecords(path)) found.push(readMeasuredReply(line).group);
      })(),
    ).rejects.toThrow(/rollouts\.jsonl:2: [^]*a number at measure\.harm/);
    expect(found).toEqual(['g']);
  });
});
