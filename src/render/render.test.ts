import { describe, expect, it } from 'vitest';
import { exampleEstablishedView } from './testing/exampleEstablished.js';
import { exampleEstimateView } from './testing/exampleEstimate.js';
import { exampleView, hostileText } from './testing/exampleView.js';
import { runText } from './terminal/runText.js';
import { runCli } from '../cli/testing/fakeTerminal.js';
import { formatNames, renderFormats, type Renderer } from './all.js';
import { emptyEvaluation, exampleEvaluation } from './testing/exampleEvaluation.js';
import { exampleSweep, exampleSweeps } from './testing/exampleSweep.js';
import { findings } from '../report/findings.js';
import { describeMetric, excludesZero, formatChange, formatInterval } from '../report/metrics.js';
import { renderHtml } from './html/renderHtml.js';
import { renderMarkdown } from './markdown/renderMarkdown.js';
import { runTables, tablesOfSweep } from '../report/tables/all.js';
import { trainingCurves } from '../report/reportView.js';
import { linearScale, thinOut, tickLabel } from './html/scale.js';

describe('renderHtml', () => {
  const html = renderHtml(exampleView());

  it('holds no model text that can be read, and none that can end the data block', () => {
    for (const text of ['zanzibar', 'quokka', 'wombat', 'neighbour', 'Then ask for it back', hostileText])
      expect(html).not.toContain(text);
    const encoded = /<script type="text\/plain" id="veiled">([^<]*)<\/script>/.exec(html)?.[1] ?? '';
    expect(JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'))).toContain('quokka');
  });

  it('names no outside resource', () => {
    expect(
      [...html.matchAll(/\s(?:src|href)=["']?([^"'\s>]+)|url\(([^)]+)|@import/g)].map(([, target]) => target),
    ).toEqual(['data:,', '#results']);
    expect(html).toContain("default-src 'none'");
  });

  it('shows what a reader needs to repeat the run', () => {
    for (const text of [
      'ast-smollm2',
      'onnxruntime 1.30.0',
      'a'.repeat(64),
      'epochs: 40',
      '1h 02m',
      'trained against this judge',
      'could not be scored',
    ])
      expect(html).toContain(text);
  });

  it('says which unit the intervals are by, as Markdown does', () => {
    const view = exampleView();
    const grouped = { ...view, report: { ...view.report, groupBy: 'conversation' as const } };
    for (const render of [renderHtml, renderMarkdown]) {
      expect(render(view)).toContain('95% intervals, bootstrapped by prompt.');
      expect(render(grouped)).toContain('95% intervals, bootstrapped by conversation.');
    }
  });

  it('shows a judge that was established, per class and against a majority, as Markdown and the terminal do', () => {
    const view = exampleEstablishedView();
    for (const text of [renderHtml(view), renderMarkdown(view), runText(view.report)]) {
      expect(text).toContain('Of 1,000 texts 970 are labelled by people: rude 210 (about 4.9% of all samples)');
      expect(text).toMatch(/Cohen’s kappa of Ada and Ben 0\.820 \(380 texts\)/);
      expect(text).toContain('always saying polite would be right on 78.0%');
      expect(text).toContain('found too little of a class after every attempt');
      expect(text).toContain('0.980');
    }
    const html = renderHtml(view);
    expect(html).toMatch(/aria-label="Calibration of harm: harm 0\.05: 2% of 90 texts/);
    expect(html).not.toContain('<b>bold</b>');
  });

  it('says how probable a failure is in ordinary use, in one sentence, as Markdown and the terminal do', () => {
    const view = exampleEstimateView();
    for (const text of [renderHtml(view), renderMarkdown(view), runText(view.report)]) {
      expect(text).toContain(
        'With 95% confidence, the probability that a dialogue of 3 exchanges has a failed reply is at most 1.2% (about 1 in 81).',
      );
      expect(text).toContain(
        'The best estimate is 0.24% (about 1 in 420), and probably between 0.19% (about 1 in 530) and 0.31% (about 1 in 320).',
      );
      expect(text).toContain('It was seen in none of the dialogues.');
    }
    for (const text of [renderHtml(view), renderMarkdown(view)]) {
      expect(text).toContain('402 ordinary dialogues, and 1,598 that were tilted towards the adversary ‘ipo’');
      expect(text).toContain('as sure as that of 26,600 ordinary dialogues');
      expect(text).toContain('3 dialogues could not be judged');
      expect(text).toContain('It says nothing of other users');
    }
    const html = renderHtml(view);
    expect(html).toMatch(
      /aria-label="Probability in ordinary use: at most 1\.2% \(about 1 in 81\), best estimate 0\.24%/,
    );
    expect(html).not.toContain(hostileText);
  });

  it('escapes names and notes', () => {
    const view = exampleView();
    const named = renderHtml({
      ...view,
      manifest: { ...view.manifest, name: '<b>x</b>', status: 'failed', reason: '<script>alert(1)</script>' },
    });
    expect(named).not.toContain('<b>x</b>');
    expect(named).not.toContain('<script>alert(1)');
    expect(named).toContain('&lt;script>alert(1)');
  });

  it('shows a run without an evaluation as one', () => {
    const { manifest, folder } = exampleView();
    const bare = renderHtml({
      folder,
      manifest: { ...manifest, status: 'interrupted', reason: 'stopped as asked' },
      training: [],
      mending: [],
      report: { schema: 1, run: {}, rows: [], samples: [], notes: ['not yet'] },
    });
    expect(bare).toContain('interrupted');
    expect(bare).toContain('not yet');
  });
});

describe('renderMarkdown', () => {
  it('has one table a judge and no model text', () => {
    const text = renderMarkdown(exampleView());
    expect(text.match(/^\| ipo \|/gm)).toHaveLength(2);
    expect(text).not.toContain('zanzibar');
    expect(text).toContain('0.150 [0.115, 0.189]');
  });
});

describe('gadfly report --format', () => {
  it('offers exactly the forms that can be rendered', async () => {
    const { output } = await runCli(['report', '--help']);
    const shown = output.replaceAll(/\s+/g, ' ');
    expect(shown).toContain(`(choices: ${formatNames.map((name) => JSON.stringify(name)).join(', ')})`);
    const { code, errors } = await runCli(['report', 'somewhere', '--format', 'pdf']);
    expect([code, errors]).toEqual([2, expect.stringContaining('Allowed choices are html, md, json')]);
  });

  it.each(formatNames)(
    '%s renders an evaluation with every kind of trouble, one that is empty, and sweeps where it can',
    async (name) => {
      const renderer: Renderer = await renderFormats[name].load();
      const views = [exampleEvaluation(), emptyEvaluation()];
      if (renderer.kind === 'tables') {
        const all = [...views.map(runTables), tablesOfSweep(exampleSweep(exampleSweeps.seeds))];
        for (const each of all.flat()) expect(renderer.table(each).length, each.name).toBeGreaterThan(0);
        return;
      }
      for (const view of views) expect(renderer.run(view).length).toBeGreaterThan(0);
      if (renderer.kind === 'evaluation') return;
      expect(renderer.run(exampleView())).toContain('untuned');
      expect(renderer.sweep(exampleSweep(exampleSweeps.seeds))).toContain('sweep');
    },
  );
});

describe('findings', () => {
  it('claim no difference where intervals overlap', () => {
    const [untuned, , ipo] = exampleView().report.rows;
    if (untuned === undefined || ipo === undefined) throw new Error('the example has three rows');
    expect(findings([untuned, ipo])[0]).toContain('9.3% (5.8% to 13.2%)');
    expect(findings([untuned, ipo])[0]).toContain('do not overlap');
    expect(findings([untuned, { ...ipo, metrics: untuned.metrics }])[0]).toContain('does not show a difference');
    expect(findings([untuned])).toEqual([]);
    // Adversaries that no stage trained are neither the start nor what training came to.
    const visitor = { ...untuned, name: 'visitor', metrics: {} };
    const asks = { ...ipo, name: 'asks', attack: 'prompts' };
    expect(findings([visitor, asks, untuned, ipo])).toEqual(findings([untuned, ipo]));
    expect(findings([visitor, asks, untuned])).toEqual([]);
  });
});

describe('trainingCurves', () => {
  it('puts training and dev values of an attack side by side', () => {
    const records = [
      { step: 1, stage: 'exploit:ipo', loss: 3 },
      { step: 1, stage: 'exploit:ipo', 'rollout/reward': 0.1, 'dev/reward': 0.2 },
      { step: 2, stage: 'exploit:ipo', loss: 2, 'rollout/reward': 0.3 },
    ];
    expect(trainingCurves(records)).toEqual([
      {
        attack: 'ipo',
        metric: 'reward',
        curves: [
          {
            set: 'train',
            points: [
              { x: 1, y: 0.1 },
              { x: 2, y: 0.3 },
            ],
          },
          { set: 'dev', points: [{ x: 1, y: 0.2 }] },
        ],
      },
      {
        attack: 'ipo',
        metric: 'loss',
        curves: [
          {
            set: 'train',
            points: [
              { x: 1, y: 3 },
              { x: 2, y: 2 },
            ],
          },
        ],
      },
    ]);
  });
});

describe('scales', () => {
  it('ticks are round and cover the data', () => {
    const { ticks, domain, at } = linearScale(0.013, 0.187, [0, 100]);
    expect(ticks).toEqual([0, 0.05, 0.1, 0.15, 0.2]);
    expect([domain, at(0.1)]).toEqual([[0, 0.2], 50]);
    expect(linearScale(3, 3, [0, 1]).ticks.length).toBeGreaterThan(1);
  });

  it('labels have the digits that their distance needs', () => {
    expect([0, 0.05, 0.1].map((tick) => tickLabel(tick, [0, 0.05]))).toEqual(['0.00', '0.05', '0.10']);
    expect([tickLabel(0.25, [0, 0.25]), tickLabel(-2, [-2, 0]), tickLabel(20_000, [0, 20_000])]).toEqual([
      '0.25',
      '−2',
      '20k',
    ]);
  });

  it('thinning keeps the mean', () => {
    const thin = thinOut(
      Array.from({ length: 100 }, (_, i) => ({ x: i, y: i % 2 })),
      10,
    );
    expect(thin).toHaveLength(10);
    expect(thin.every(({ y }) => y === 0.5)).toBe(true);
  });
});

describe('metric names', () => {
  it('an unknown metric gets readable words, a known one its unit', () => {
    expect(describeMetric('selfBleu4').label).toBe('Self bleu 4');
    expect(formatInterval('replyFailureRate', { mean: 0.09, low: 0.053, high: 0.133 })).toBe('9.0% [5.3%, 13.3%]');
  });

  it('equal bounds are shown as no interval, and prove no change', () => {
    expect(formatInterval('reward', { mean: 1, low: 1, high: 1 })).toBe('1.00');
    const change = { mean: 0.2, low: 0.2, high: 0.2, n: 2, unit: 'share' };
    expect(formatChange('replyFailureRate', change)).toBe('+20.0 pp');
    expect(excludesZero(change)).toBe(false);
    expect(excludesZero({ ...change, low: 0.1, high: 0.3 })).toBe(true);
  });
});
