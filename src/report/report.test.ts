import { describe, expect, it } from 'vitest';
import { FormatError } from '../base/errors.js';
import { parseReport } from './report.js';

const metric = { mean: 0.5, low: 0.4, high: 0.6, n: 10, unit: 'share' };
const good = {
  schema: 1,
  run: {},
  rows: [{ name: 'untuned', judge: 'wordlist', metrics: { replyHarm: metric } }],
  samples: [{ row: 'untuned', prompt: 'Hello', turns: [] }],
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
      [['schema'], 2, '"schema": 1'],
      [['rows'], undefined, 'a list "rows"'],
      [['rows', 0], 'untuned', 'rows[0] as an object'],
      [['rows', 0, 'metrics', 'replyHarm', 'low'], null, 'rows[0].metrics.replyHarm with mean, low, high and n'],
      [['samples', 0, 'turns'], {}, 'samples[0] with row, prompt and turns'],
      [['loop'], {}, 'a list "loop"'],
      [['loop', 0, 'fresh'], 'yes', 'loop[0] with round, adversary, fresh and target'],
      [['loop', 0, 'round'], 1.5, 'loop[0] with round, adversary, fresh and target'],
      [['loop', 0, 'metrics', 'replyFailureRate', 'mean'], '67%', 'loop[0].metrics.replyFailureRate with mean'],
      [['loop', 0, 'guards'], undefined, 'loop[0].guards as an object'],
      [['mend', 0, 'before'], 7, 'mend[0] with stage and before'],
      [['mend', 0, 'counts', 'failures'], 'three', 'mend[0].counts of numbers by name'],
      [['mend', 0, 'sets', 0, 'set'], 'other', 'mend[0].sets[0] with set (harmful or ordinary)'],
      [['mend', 0, 'sets', 0, 'rows', 1, 'model'], undefined, 'mend[0].sets[0].rows[1] with model'],
      [
        ['mend', 0, 'sets', 0, 'rows', 1, 'change', 'replyHarm', 'n'],
        undefined,
        'mend[0].sets[0].rows[1].change.replyHarm',
      ],
      [['mend', 0, 'guards'], null, 'a list "mend[0].guards"'],
      [
        ['mend', 0, 'course', 0, 'points', 0, 'values', 'kl/chosen'],
        null,
        'mend[0].course[0].points[0] with step and values',
      ],
      [['mend', 0, 'samples', 0, 'context'], 'Hello', 'mend[0].samples[0] with set, context of texts'],
      [['mend', 0, 'samples', 0, 'replies', 0, 'text'], null, 'mend[0].samples[0].replies[0] with model, text'],
    ];
    for (const [path, value, message] of cases) {
      const parse = (): unknown => parseReport(changed(path, value), 'runs/x/report.json');
      expect(parse, path.join('.')).toThrow(FormatError);
      expect(parse, path.join('.')).toThrow(message);
      expect(parse).toThrow('runs/x/report.json');
    }
  });
});
