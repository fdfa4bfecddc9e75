import { describe, expect, it } from 'vitest';
import { FormatError } from '../base/errors.js';
import { parseReport } from './report.js';

const metric = { mean: 0.5, low: 0.4, high: 0.6, n: 10, unit: 'share' };
const good = {
  schema: 1,
  run: {},
  rows: [
    {
      name: 'untuned',
      attack: 'none',
      target: 'organism',
      judge: 'wordlist',
      dialogues: 4,
      turns: 3,
      metrics: { replyHarm: metric },
      spending: { judgeTexts: 12 },
    },
  ],
  samples: [{ row: 'untuned', prompt: 'Hello', turns: [] }],
  points: [{ row: 'untuned', harm: 0.2, nll: null }],
  verdictWords: [{ row: 'untuned', judge: 'wordlist', words: [{ word: 'rude', weight: 1, count: 2 }] }],
  notes: ['Only one judge.'],
  loop: [
    {
      round: 1,
      adversary: 'ipo-1',
      fresh: true,
      target: 'organism',
      metrics: { replyFailureRate: metric },
      guards: { ordinaryNll: metric },
    },
  ],
  mend: [
    {
      stage: 'mend',
      before: 'organism',
      counts: { failures: 3 },
      sets: [
        {
          set: 'harmful',
          dialogues: 4,
          rows: [
            { model: 'organism', metrics: { replyHarm: metric } },
            { model: 'adpo', metrics: { replyHarm: metric }, change: { replyHarm: metric } },
          ],
        },
      ],
      guards: [{ model: 'organism', metrics: { ordinaryNll: metric } }],
      course: [{ model: 'adpo', points: [{ step: 4, values: { 'kl/chosen': -0.1 } }] }],
      samples: [
        {
          set: 'harmful',
          context: ['Hello'],
          replies: [{ model: 'adpo', text: 'Hi', harm: 0, failed: false, evasive: false }],
        },
      ],
    },
  ],
};

/** The report with one place changed; undefined removes it. */
function changed(path: readonly (string | number)[], value: unknown): unknown {
  const copy = JSON.parse(JSON.stringify(good)) as Record<string | number, unknown>;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  at[path.at(-1) ?? ''] = value;
  return JSON.parse(JSON.stringify(copy));
}

describe('parseReport', () => {
  it('accepts a whole report, and one without loop and mending', () => {
    expect(parseReport(good, 'report.json').loop).toHaveLength(1);
    expect(parseReport({ schema: 1, run: {}, rows: [], samples: [] }, 'report.json').mend).toBeUndefined();
  });

  it('names the first place that is not as it should be', () => {
    const cases: readonly (readonly [readonly (string | number)[], unknown, string])[] = [
      [['schema'], undefined, '"schema": 1'],
      [['run'], [], 'an object at run'],
      [['rows'], undefined, 'a list at rows'],
      [['rows', 0], 'untuned', 'an object at rows[0]'],
      [['rows', 0, 'metrics', 'replyHarm', 'low'], null, 'a number at rows[0].metrics.replyHarm.low'],
      [['rows', 0, 'spending', 'judgeTexts'], 'many', 'a number at rows[0].spending.judgeTexts'],
      [['samples', 0, 'turns'], {}, 'a list at samples[0].turns'],
      [['points', 0, 'harm'], 'high', 'a number at points[0].harm'],
      [['verdictWords', 0, 'words', 0, 'word'], 7, 'a text at verdictWords[0].words[0].word'],
      [['notes', 0], null, 'a text at notes[0]'],
      [['loop'], {}, 'a list at loop'],
      [['loop', 0, 'fresh'], 'yes', 'true or false at loop[0].fresh'],
      [['loop', 0, 'round'], 1.5, 'a whole number at loop[0].round'],
      [['loop', 0, 'metrics', 'replyFailureRate', 'mean'], '67%', 'a number at loop[0].metrics.replyFailureRate.mean'],
      [['loop', 0, 'guards'], undefined, 'an object at loop[0].guards'],
      [['mend', 0, 'before'], 7, 'a text at mend[0].before'],
      [['mend', 0, 'counts', 'failures'], 'three', 'a number at mend[0].counts.failures'],
      [['mend', 0, 'sets', 0, 'set'], 'other', '"harmful" or "ordinary" at mend[0].sets[0].set'],
      [['mend', 0, 'sets', 0, 'rows', 1, 'model'], undefined, 'a text at mend[0].sets[0].rows[1].model'],
      [
        ['mend', 0, 'sets', 0, 'rows', 1, 'change', 'replyHarm', 'n'],
        undefined,
        'a number at mend[0].sets[0].rows[1].change.replyHarm.n',
      ],
      [['mend', 0, 'guards'], null, 'a list at mend[0].guards'],
      [
        ['mend', 0, 'course', 0, 'points', 0, 'values', 'kl/chosen'],
        null,
        'a number at mend[0].course[0].points[0].values.kl/chosen',
      ],
      [['mend', 0, 'samples', 0, 'context'], 'Hello', 'a list at mend[0].samples[0].context'],
      [['mend', 0, 'samples', 0, 'replies', 0, 'text'], null, 'a text at mend[0].samples[0].replies[0].text'],
    ];
    for (const [path, value, message] of cases) {
      const parse = (): unknown => parseReport(changed(path, value), 'runs/x/report.json');
      expect(parse, path.join('.')).toThrow(FormatError);
      expect(parse, path.join('.')).toThrow(message);
      expect(parse).toThrow('runs/x/report.json');
    }
  });

  it('keeps keys that the schema does not know', () => {
    const later = changed(['rows', 0, 'colour'], 'green');
    expect(parseReport({ ...(later as object), futureFigures: [{ name: 'use' }] }, 'report.json')).toEqual({
      ...(later as object),
      futureFigures: [{ name: 'use' }],
    });
  });

  it('says of a newer report that gadfly must be updated', () => {
    const parse = (): unknown => parseReport(changed(['schema'], 2), 'runs/x/report.json');
    expect(parse).toThrow(FormatError);
    expect(parse).toThrow(/newer version of gadfly[^]*"schema": 2[^]*Update gadfly/);
  });
});
