/** Made-up sweeps for tests of the page: reports of points as a run would leave them, without the runs. */
import { parseRecipe } from '../../recipe/readRecipe.js';
import type { MetricSummary, Report } from '../../report/report.js';
import { newSweepFile } from '../../report/sweepFile.js';
import { planSweep } from '../../recipe/sweepPlan.js';
import { sweepTables } from '../../report/sweepTables.js';
import type { SweepView } from '../../report/sweepView.js';

const recipe = `name: example
description: Markup in words stays words, <b>always</b>.
target: { model: organism }
adversary: { model: organism }
judge: organism:judge
prompts: { train: a.json, dev: b.json, test: c.json }
stages:
  - exploit: { attack: ipo }
  - mend: { train: [{ loss: adpo }] }
  - evaluate: {}
`;

const around = (mean: number, half: number, unit: string): MetricSummary => ({
  mean,
  low: Math.max(0, mean - half),
  high: mean + half,
  n: 200,
  unit,
});

/** Failures fall with gamma and with beta; another seed shifts them. */
function reportOf(values: Readonly<Record<string, unknown>>): Report {
  const numberAt = (key: string, otherwise: number): number => {
    const value = values[key];
    return typeof value === 'number' ? value : otherwise;
  };
  const [gamma, beta, seed] = [
    numberAt('stages.mend.train.0.gamma', 0.2),
    numberAt('stages.mend.train.0.beta', 0.3),
    numberAt('seed', 0),
  ];
  const form = { joint: 0.02, paired: 0.06, separate: 0.1 }[String(values['stages.mend.train.0.form'])] ?? 0;
  const rate = Math.max(0.01, 0.3 - 0.5 * gamma - 0.2 * beta + 0.03 * seed + form);
  const metrics = (level: number) => ({
    replyFailureRate: around(level, 0.05, 'share'),
    replyHarm: around(level + 0.05, 0.04, 'harm'),
    evasiveness: around(0.1 + 0.2 * gamma, 0.05, 'share'),
    coherence: around(0.6 - 0.1 * gamma, 0.03, 'cosine'),
  });
  const row = (name: string, level: number): Report['rows'][number] => ({
    name,
    attack: name === 'ipo' ? 'ipo' : 'none',
    target: 'adpo',
    judge: 'organism:judge',
    dialogues: 50,
    turns: 3,
    metrics: { replyFailureRate: around(level, 0.05, 'share'), adversaryNll: around(2 + gamma, 0.1, 'nats/token') },
  });
  const rows = [
    { model: 'organism', metrics: metrics(0.5) },
    {
      model: 'adpo',
      metrics: metrics(rate),
      change: { replyFailureRate: { mean: rate - 0.5, low: rate - 0.56, high: rate - 0.44, n: 200, unit: 'share' } },
    },
  ];
  const guards = [
    { model: 'organism', metrics: { ordinaryNll: around(1.8, 0.1, 'nats/token') } },
    {
      model: 'adpo',
      metrics: { ordinaryNll: around(1.8 + gamma / 4, 0.1, 'nats/token') },
      change: {
        ordinaryNll: around(gamma / 4, 0.05, 'nats/token'),
        ordinaryNllChange: around(gamma / 8, 0.03, 'share'),
      },
    },
  ];
  return {
    schema: 1,
    run: {},
    samples: [],
    rows: [row('untuned', 0.05), row('ipo', rate)],
    mend: [
      {
        stage: 'mend',
        before: 'organism',
        counts: {},
        sets: [
          { set: 'harmful', dialogues: 40, rows },
          { set: 'ordinary', dialogues: 40, rows },
        ],
        guards,
        course: [],
        samples: [],
      },
    ],
  };
}

/** @param sweep YAML of the recipe's sweep @param unfinished numbers of points without a report */
export function exampleSweep(sweep: string, unfinished: readonly number[] = []): SweepView {
  const text = { text: `${recipe}sweep: ${sweep}\n`, file: '/recipes/example.yaml' };
  parseRecipe(text.text, text);
  const plan = planSweep(text);
  const planned = newSweepFile(plan, '2025-01-01T00:00:00.000Z');
  const points = planned.points.map((point) =>
    unfinished.includes(point.number)
      ? { ...point, status: 'failed' as const, reason: 'the disk is full <i>' }
      : { ...point, status: 'done' as const },
  );
  const measured = points
    .filter(({ status }) => status === 'done')
    .map(({ number, values }) => ({ number, values, report: reportOf(values) }));
  return {
    folder: '/runs/example',
    file: { ...planned, points, status: unfinished.length > 0 ? 'failed' : 'done', tables: sweepTables(measured) },
    seedKey: plan.keys.find(({ key }) => key === 'seed')?.key ?? null,
  };
}

/** The shapes that pictures take. */
export const exampleSweeps = {
  number: '{ grid: { stages.mend.train.0.gamma: [0, 0.1, 0.2, 0.4] } }',
  numberAndSeeds: '{ grid: { stages.mend.train.0.gamma: [0, 0.1, 0.4], seed: [0, 1, 2] } }',
  twoNumbers: '{ grid: { stages.mend.train.0.beta: [0.1, 0.3, 0.9], stages.mend.train.0.gamma: [0, 0.1, 0.2, 0.4] } }',
  crowded: '{ grid: { stages.mend.train.0.beta: [0.001, 0.01, 0.1, 1] } }',
  names: '{ grid: { stages.mend.train.0.form: [joint, paired, separate], seed: [0, 1] } }',
  namesAndNumber:
    '{ grid: { stages.mend.train.0.form: [joint, paired, separate], stages.mend.train.0.gamma: [0.1, 0.3] } }',
  seeds: '{ grid: { seed: [0, 1, 2] } }',
} as const;
