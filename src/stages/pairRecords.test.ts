import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { jsonText, type JsonObject } from '../base/json.js';
import { joinPlain } from '../dialogue/join.js';
import type { PreferencePair, Utterance } from '../dialogue/types.js';
import type { MendPair } from '../mending/pairs.js';
import { attackPairRecord, mendPairOf, mendPairRecord, readPairs } from './pairRecords.js';

const said = (text: string, ids: readonly number[] | null): Utterance => ({
  author: 'adversary',
  text,
  finishReason: 'stop',
  tokens: ids === null ? null : { tokenizerId: 't', ids },
});
const attacked: PreferencePair = {
  dialogue: {
    prompt: { id: 'x', text: 'the shop', conversationId: 'x' },
    turns: [said('hello', [1]), { ...said('good day', [2]), author: 'target' }],
  },
  chosen: { ...said('a', [3, 4]), contextIds: [7, 8] },
  rejected: said('b', null),
  chosenReward: 0.5,
  rejectedReward: null,
  isDemonstration: true,
};
const side = (text: string, harm: number): MendPair['chosen'] => ({ text, ids: [text.length], harm });
const mended: MendPair = {
  group: 'x',
  heldOut: false,
  prompt: 'the shop',
  promptIds: [1],
  controlIds: [1, 9],
  chosen: side('welcome', 0),
  rejected: side('go away', 0.8),
  toxic: side('shoo', 0.9),
};

function fileOf(...records: readonly JsonObject[]): string {
  const path = join(mkdtempSync(join(tmpdir(), 'gadfly-pairs-')), 'pairs.jsonl');
  writeFileSync(path, records.map((record) => `${jsonText(record)}\n`).join(''));
  return path;
}

async function all<T>(items: AsyncGenerator<T>): Promise<readonly T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}

describe('pairs.jsonl', () => {
  const ofAttack = attackPairRecord(attacked, joinPlain, { stage: 'exploit:ipo', epoch: 1, step: 3 });
  const ofMending = [mended, { ...mended, toxic: null, heldOut: true }].map((pair) =>
    mendPairRecord(pair, 'mend:mend:pairs'),
  );

  it('gives back the pairs of attacks and of mend stages as they were written, each kind by itself', async () => {
    const path = fileOf(ofAttack, ...ofMending);
    expect(await all(readPairs(path, 'exploit'))).toEqual([ofAttack]);
    expect((await all(readPairs(path, 'mendPairs'))).map(mendPairOf)).toEqual([
      mended,
      { ...mended, toxic: null, heldOut: true },
    ]);
  });

  it('takes the ids before a pair from what its utterance was conditioned on', () => {
    expect(ofAttack.ids).toEqual({ prompt: [7, 8], chosen: [3, 4], rejected: null });
  });

  it('has the three columns that TRL reads in lines of both kinds', () => {
    expect(ofAttack).toMatchObject({ prompt: 'the shop hello good day', chosen: 'a', rejected: 'b' });
    expect(ofMending[0]).toMatchObject({ prompt: 'the shop', chosen: 'welcome', rejected: 'go away' });
  });

  it('names the line and the key that is damaged', async () => {
    const path = fileOf(ofAttack, { ...ofMending[0], ids: { prompt: [1], chosen: [1], rejected: [1] } });
    await expect(all(readPairs(path, 'mendPairs'))).rejects.toThrow(/pairs\.jsonl:2: [^]* at ids\.control/);
    expect(await all(readPairs(path, 'exploit'))).toHaveLength(1);
  });
});
