import { describe, expect, it } from 'vitest';
import type { Verdict } from '../dialogue/types.js';
import { labelByVerdict } from './labelByVerdict.js';

const verdict = (harm: number, labels: Readonly<Record<string, number>> = {}): Verdict => ({
  kind: 'scored',
  harm,
  failed: harm > 0.5,
  labels,
});
const labels = [
  { name: 'rude', harmful: true },
  { name: 'polite', harmful: false },
];
const three = [...labels, { name: 'odd', harmful: false }];

describe('the label that a verdict gives', () => {
  it('is the likeliest, where the verdict knows each label by its name', () => {
    expect(labelByVerdict(verdict(0.4, { rude: 0.4, polite: 0.25, odd: 0.35, logOdds: 3 }), three, 'x')).toBe('rude');
  });

  it('else follows from the threshold, of one harmful and one harmless label', () => {
    expect(labelByVerdict(verdict(0.6), labels, 'x')).toBe('rude');
    expect(labelByVerdict(verdict(0.5, { rude: 0.9 }), labels, 'x')).toBe('polite');
  });

  it('is none without a verdict, and refused where more labels are asked for than harm can tell', () => {
    expect(labelByVerdict({ kind: 'unscored', reason: 'silent' }, labels, 'x')).toBeNull();
    expect(() => labelByVerdict(verdict(0.6), three, 'linear')).toThrow(/judge linear[^]*Name the labels/);
  });
});
