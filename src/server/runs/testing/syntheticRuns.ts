/** Run directories that look as if something had run, for tests and benches: harmless words, made-up figures. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStream, streamKey } from '../../../base/random.js';

export interface SyntheticRun {
  readonly name?: string;
  readonly status?: 'running' | 'done' | 'interrupted' | 'failed';
  readonly target?: string;
  readonly attack?: string;
  readonly seed?: number;
  readonly epochs?: number;
  /** Steps of metrics.jsonl, 4 to an epoch. */
  readonly steps?: number;
  readonly dialogues?: number;
  /** Exchanges per dialogue. */
  readonly exchanges?: number;
  /** Failure rate of the trained row. */
  readonly rate?: number;
  readonly hasReport?: boolean;
}

const words =
  'the a tea cup morning shop door window candle honey bread fresh market little garden please thank you maybe where when how kind rain sun old new bell road friend basket apple pear plum cheese butter lamp'.split(
    ' ',
  );

export function writeSyntheticRun(folder: string, options: SyntheticRun = {}): void {
  const { seed = 0, dialogues = 20, exchanges = 2, steps = 8, hasReport = true } = options;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifestOf(options), null, 1));
  for (const name of ['rollouts', 'pairs', 'metrics']) writeFileSync(join(folder, `${name}.jsonl`), '');
  appendMetrics(folder, 1, steps);
  const random = openStream(streamKey(seed, 'synthetic'));
  const utterance = (): string =>
    Array.from({ length: 9 }, () => words[Math.floor(random.uniform() * words.length)]).join(' ');
  const blockSize = 2000;
  for (let from = 0; from < dialogues; from += blockSize) {
    const lines = Array.from({ length: Math.min(blockSize, dialogues - from) }, (_, i) =>
      dialogueLine(from + i, { ...options, exchanges, dialogues }, utterance, () => random.uniform()),
    );
    appendFileSync(join(folder, 'rollouts.jsonl'), lines.join(''));
  }
  if (hasReport) writeFileSync(join(folder, 'report.json'), JSON.stringify(reportOf(options), null, 1));
}

/** Appends lines of metrics as an attack writes them. */
export function appendMetrics(folder: string, from: number, count: number): void {
  const lines = Array.from({ length: count }, (_, i) => {
    const step = from + i;
    const x = step / 40;
    return `${JSON.stringify({
      step,
      epoch: Math.ceil(step / 4),
      time: step * 2,
      stage: 'exploit:ipo',
      loss: 25 / (1 + x) + Math.sin(step * 1.7),
      'rewards/margins': x + 0.2 * Math.sin(step),
      'rollout/reward': x + 0.1 * Math.cos(step * 2.3),
      'rollout/replyHarm': x / (1 + x),
      'rollout/replyFailureRate': x / (1.2 + x),
      'rollout/adversaryNll': 2 - x / (1 + x) + 0.1 * Math.sin(step * 3),
      'kl/chosen': x * 2,
      'spent/targetReplies': step * 56,
      'spent/optimizerSteps': step,
    })}\n`;
  });
  appendFileSync(join(folder, 'metrics.jsonl'), lines.join(''));
}

function dialogueLine(
  n: number,
  { exchanges, attack = 'ipo', dialogues }: SyntheticRun & { readonly exchanges: number; readonly dialogues: number },
  utterance: () => string,
  draw: () => number,
): string {
  const inTraining = n < dialogues * 0.8;
  const numbers = Array.from({ length: 12 }, () => Math.round(draw() * 1e6) / 1e6);
  const spoken = {
    finishReason: 'stop',
    tokenizer: 'made-up',
    ids: numbers.map((x) => Math.floor(x * 900)),
    logProbs: numbers.map((x) => -x),
  };
  const turns = Array.from({ length: exchanges }, () => [
    { author: 'adversary', text: `${utterance()}?`, ...spoken },
    { author: 'target', text: `${utterance()}.`, ...spoken },
  ]).flat();
  const scores = Array.from({ length: exchanges }, () => {
    const harm = draw() ** 3;
    const verdict = { harm, failed: harm > 0.5 };
    const nll = 0.5 + 2 * draw();
    return {
      reply: verdict,
      exchange: verdict,
      utterance: { harm: 0.01, failed: false },
      adversaryNll: nll,
      reward: { total: 2 * harm - 0.1 * nll, terms: { reply: 2 * harm, likelihood: -0.1 * nll } },
    };
  });
  return `${JSON.stringify({
    stage: inTraining ? `exploit:${attack}` : n % 2 === 0 ? 'evaluate:untuned' : `evaluate:${attack}`,
    ...(inTraining ? { epoch: 1 + Math.floor((n / dialogues) * 10), step: Math.floor(n / 16) } : {}),
    prompt: { id: `p${String(n % 50)}`, text: `${utterance()}.` },
    turns,
    scores: { 'insult-words': scores },
  })}\n`;
}

function manifestOf({
  name = 'tea',
  status = 'done',
  target = 'organism',
  attack = 'ipo',
  seed = 0,
  epochs = 10,
}: SyntheticRun): object {
  return {
    schema: 1,
    name,
    status,
    seed,
    configuration: {
      name,
      seed,
      target: { model: target },
      adversary: { model: 'organism' },
      judge: { model: 'insult-words', threshold: 0.5 },
      stages: [
        { exploit: { attack, epochs, beta: 0.1, learningRate: 0.0003 } },
        { evaluate: { rows: ['untuned', attack] } },
      ],
    },
    source: { file: null, folder: '.' },
    versions: { gadfly: '0.1.0', node: 'v20' },
    host: { name: 'here' },
    inputs: [],
    createdAt: `2026-11-${String(1 + (seed % 28)).padStart(2, '0')}T09:00:00.000Z`,
    updatedAt: '2026-11-30T10:00:00.000Z',
    elapsedMs: 61_000 + seed,
    spent: { targetReplies: 1000 + seed, optimizerSteps: 40, seconds: 61 },
    logs: ['rollouts', 'pairs', 'metrics'],
    completed: [],
  };
}

function reportOf({ target = 'organism', attack = 'ipo', rate = 0.4 }: SyntheticRun): object {
  const interval = (mean: number, unit: string): object => ({
    mean,
    low: mean * 0.8,
    high: Math.min(1, mean * 1.2),
    n: 120,
    unit,
  });
  const row = (name: string, trained: string, value: number): object => ({
    name,
    attack: trained,
    target,
    judge: 'insult-words',
    threshold: 0.5,
    dialogues: 60,
    turns: 2,
    metrics: {
      replyFailureRate: interval(value, 'share'),
      replyHarm: interval(value * 0.9, 'harm'),
      adversaryNll: { mean: 1.2 - value / 2, low: 1.1 - value / 2, high: 1.3 - value / 2, n: 120, unit: 'nats/token' },
    },
  });
  return {
    schema: 1,
    run: {},
    rows: [row('untuned', 'none', 0.05), row(attack, attack, rate)],
    samples: [],
    points: Array.from({ length: 40 }, (_, i) => ({
      row: i % 2 === 0 ? 'untuned' : attack,
      harm: ((i * 7) % 40) / 40,
      nll: 0.5 + ((i * 11) % 40) / 30,
    })),
    verdictWords: [{ row: attack, judge: 'insult-words', words: [{ word: 'honey', weight: 1, count: 9 }] }],
    estimates: [
      {
        name: 'ordinary',
        users: 'untuned',
        target,
        judge: 'insult-words',
        event: 'dialogue',
        turns: 2,
        probability: { mean: 0.01, low: 0.004, high: 0.02, n: 400 },
        guaranteedHigh: 0.03,
        bernsteinHigh: 0.035,
        level: 0.95,
        method: 'ordinary',
        mixture: 1,
        proposal: null,
        tempering: null,
        dialogues: 400,
        ordinary: 400,
        seen: { ordinary: 4, tilted: 0 },
        openings: 100,
        openingsAre: 'sample',
        unscored: 0,
        meanWeight: 1,
        effectiveSampleSize: 400,
        largestShare: null,
        tiltedShare: null,
        standardError: 0.005,
        plainEquivalent: null,
        pilot: null,
        judgeCorrected: null,
      },
    ],
    clusters: [0, 1].map((cluster) => ({
      cluster,
      size: 20,
      kept: 5,
      examples: [`a sample of cluster ${String(cluster)}`],
      words: [{ word: 'lamp', zScore: 3, count: 4 }],
    })),
    clusterMap: {
      samples: 40,
      points: Array.from({ length: 40 }, (_, i) => [((i * 7) % 40) / 40, ((i * 13) % 40) / 40, i % 2]),
    },
    notes: ['Figures are made up.'],
  };
}
