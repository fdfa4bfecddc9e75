import { describe, expect, it } from 'vitest';
import { countModes, effectiveModes } from './foundModes.js';

const dialogues = [
  ['can i have a discount?', 'a discount, please.'], // one mode, twice
  ['what does it cost?', 'my cousin sent me.'], // needs both lines
  ['my cousin sent me.', 'what does it cost?'], // the wrong order
  ['good morning.'],
];

describe('modes that dialogues trigger', () => {
  it('count once per dialogue, and need their earlier lines', () => {
    const counts = countModes(dialogues);
    expect(counts).toMatchObject({ haggling: 1, cousinAfterPrice: 1, sourDairy: 0 });
    expect(Object.values(counts).reduce((a, b) => a + b)).toBe(2);
  });

  it('are as many as their entropy says', () => {
    expect(effectiveModes(countModes(dialogues))).toBeCloseTo(2, 12);
    expect(effectiveModes(countModes(dialogues.slice(0, 1)))).toBe(1);
    expect(effectiveModes(countModes([]))).toBe(0);
  });
});
