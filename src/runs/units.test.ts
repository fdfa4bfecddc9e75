import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUnit, type Unit, unitKey } from './units.js';

const name = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('a:b', 'ipo@adpo-1', '50%', '%3A', 'twin', 'train'));

const unit: fc.Arbitrary<Unit> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('explore' as const, 'establish' as const, 'exploit' as const, 'mend' as const),
    stage: name,
  }),
  fc.record({ kind: fc.constantFrom('exploreDraw' as const, 'exploreEmbed' as const), stage: name }),
  fc.record({
    kind: fc.constantFrom('estimate' as const, 'estimatePilot' as const, 'estimateDraw' as const),
    stage: name,
  }),
  fc.record({ kind: fc.constantFrom('establishTexts' as const, 'establishLabels' as const), stage: name }),
  fc.record({ kind: fc.constant('establishMember' as const), stage: name, member: name }),
  fc.record({ kind: fc.constantFrom('mendControlModel' as const, 'mendPairs' as const), stage: name }),
  fc.record({ kind: fc.constantFrom('mendTraining' as const, 'mendMeasure' as const), stage: name, model: name }),
  fc.constant({ kind: 'evaluate' as const }),
  fc.record({ kind: fc.constant('evaluateRow' as const), row: name }),
  fc.record({ kind: fc.constant('evaluateEmbed' as const), rows: fc.nat() }),
);

describe('names of units', () => {
  it('are what runs of every version hold', () => {
    const names: readonly (readonly [Unit, string])[] = [
      [{ kind: 'exploit', stage: 'ipo-1' }, 'exploit:ipo-1'],
      [{ kind: 'explore', stage: 'explore' }, 'explore:explore'],
      [{ kind: 'exploreDraw', stage: 'explore' }, 'explore:explore:draw'],
      [{ kind: 'exploreEmbed', stage: 'explore' }, 'explore:explore:embed'],
      [{ kind: 'establish', stage: 'measure' }, 'establish:measure'],
      [{ kind: 'establishTexts', stage: 'measure' }, 'establish:measure:texts'],
      [{ kind: 'establishLabels', stage: 'measure' }, 'establish:measure:labels'],
      [{ kind: 'establishMember', stage: 'measure', member: 'member-1' }, 'establish:measure:member:member-1'],
      [{ kind: 'evaluate' }, 'evaluate'],
      [{ kind: 'evaluateRow', row: 'ipo@adpo-1' }, 'evaluate:ipo@adpo-1'],
      [{ kind: 'estimate', stage: 'ordinary-use' }, 'estimate:ordinary-use'],
      [{ kind: 'estimatePilot', stage: 'ordinary-use' }, 'estimate:ordinary-use:pilot'],
      [{ kind: 'estimateDraw', stage: 'ordinary-use' }, 'estimate:ordinary-use:draw'],
      [{ kind: 'mend', stage: 'mend-1' }, 'mend:mend-1'],
      [{ kind: 'mendControlModel', stage: 'mend' }, 'mend:mend:twin'],
      [{ kind: 'mendPairs', stage: 'mend' }, 'mend:mend:pairs'],
      [{ kind: 'mendTraining', stage: 'mend', model: 'adpo' }, 'mend:mend:train:adpo'],
      [{ kind: 'mendMeasure', stage: 'mend', model: 'organism' }, 'mend:mend:measure:organism'],
    ];
    for (const [each, key] of names) expect(unitKey(each)).toBe(key);
  });

  it('are parsed into the unit that they were made of, whatever its names', () => {
    fc.assert(
      fc.property(unit, (each) => {
        expect(parseUnit(unitKey(each))).toEqual(each);
      }),
    );
  });

  it('that are none give null', () => {
    for (const key of [
      '',
      'mend',
      'mend:a:b',
      'mend:a:train',
      'establish',
      'establish:a:b',
      'exploit',
      'exploit:a:b',
      'other:a',
    ])
      expect(parseUnit(key)).toBeNull();
  });
});
