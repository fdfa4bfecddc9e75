import { describe, expect, it } from 'vitest';
import { agreementFigures, type GivenLabel, resolveLabel } from './adjudicate.js';

const by = (labels: Readonly<Record<string, string>>): readonly GivenLabel[] =>
  Object.entries(labels).map(([labeller, label]) => ({ labeller, label }));

describe('one label of several', () => {
  it('is the one that was given most often, with its share of the labels', () => {
    expect(resolveLabel(by({ ada: 'rude', ben: 'rude', cyd: 'polite' }), null)).toEqual({
      label: 'rude',
      agreement: 2 / 3,
    });
    expect(resolveLabel(by({ ada: 'rude' }), null)).toEqual({ label: 'rude', agreement: 1 });
  });

  it('is none where two were given equally often, until an adjudicator decides', () => {
    const tie = { ada: 'rude', ben: 'polite' };
    expect(resolveLabel(by(tie), null)).toBeNull();
    expect(resolveLabel(by(tie), 'eve')).toBeNull();
    expect(resolveLabel(by({ ...tie, eve: 'polite' }), 'eve')).toEqual({ label: 'polite', agreement: 2 / 3 });
    expect(resolveLabel(by({ ada: 'rude', ben: 'rude', eve: 'polite' }), 'eve')?.label).toBe('polite');
    expect(resolveLabel([], null)).toBeNull();
  });
});

describe('how far labellers agree', () => {
  it('is counted on texts with several labels, and by pair on those that both have labelled', () => {
    // Ada and Ben on four texts: they agree on three; chance agreement is (3·2 + 1·2) / 16 = 1/2.
    const items = [
      by({ ada: 'a', ben: 'a' }),
      by({ ben: 'a', ada: 'a' }),
      by({ ada: 'a', ben: 'b' }),
      by({ ada: 'b', ben: 'b', cyd: 'b' }),
      by({ ada: 'a' }),
    ];
    const { cohen, fleiss, krippendorff, ...counts } = agreementFigures(items);
    expect(counts).toEqual({ items: 4, unanimous: 3 / 4 });
    expect(cohen[0]).toEqual({ labellers: ['ada', 'ben'], items: 4, kappa: 0.5 });
    expect(cohen.map(({ labellers, items: shared }) => [...labellers, shared])).toEqual([
      ['ada', 'ben', 4],
      ['ada', 'cyd', 1],
      ['ben', 'cyd', 1],
    ]);
    expect(fleiss).toBeNull();
    expect(krippendorff).toBeGreaterThan(0.4);
  });

  it('is unknown where each text has one label', () => {
    expect(agreementFigures([by({ ada: 'a' })])).toEqual({
      items: 0,
      unanimous: null,
      cohen: [],
      fleiss: null,
      krippendorff: null,
    });
  });
});
