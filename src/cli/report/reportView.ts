/** What a report shows, gathered from a run directory: manifest, report.json, curves of metrics.jsonl. Reading only. */
import { openRun } from '../../runs/runDirectory.js';
import type { JsonObject } from '../../runs/json.js';
import type { Manifest } from '../../runs/manifest.js';
import { readRecords } from '../../runs/recordLog.js';
import { parseReport } from '../../runs/report.js';
import type { Report } from '../../runs/report.js';

export interface Curve {
  /** 'dev' or 'train'. */
  readonly set: 'dev' | 'train';
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** Curves of one metric in one attack. */
export interface TrainingCurves {
  readonly attack: string;
  /** Without 'dev/' or 'rollout/'. */
  readonly metric: string;
  readonly curves: readonly Curve[];
}

export interface ReportView {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Rows and samples are empty while nothing has been evaluated. */
  readonly report: Report;
  readonly training: readonly TrainingCurves[];
}

/** Metrics whose course over training is shown, in this order. */
const shown = ['reward', 'replyHarm', 'replyFailureRate', 'adversaryNll', 'loss'];
const trainPrefixes = ['rollout/', 'epoch/', 'train/', ''];

/** @throws ConfigError when the folder holds no run, FormatError when a file of it is damaged */
export async function readReportView(folder: string): Promise<ReportView> {
  const { path, manifest, report, recordPath } = openRun(folder);
  const records: JsonObject[] = [];
  for await (const record of readRecords(recordPath('metrics'))) records.push(record);
  return {
    folder: path,
    manifest,
    report: report === null ? { schema: 1, run: {}, rows: [], samples: [], notes: ['This run has not been evaluated yet.'] } : parseReport(report, `${path}/report.json`),
    training: trainingCurves(records),
  };
}

/** Groups records by attack and metric. A record's attack is its `stage`, 'exploit:NAME'. */
export function trainingCurves(records: readonly JsonObject[]): readonly TrainingCurves[] {
  const attacks = new Map<string, JsonObject[]>();
  for (const record of records) {
    const { stage } = record;
    const name = typeof stage === 'string' ? stage.replace(/^exploit:/, '') : 'training';
    attacks.set(name, [...(attacks.get(name) ?? []), record]);
  }
  const out: TrainingCurves[] = [];
  for (const [attack, own] of attacks) {
    for (const metric of shown) {
      const train = trainPrefixes.map((prefix) => curveOf(own, prefix + metric)).find((points) => points.length > 0) ?? [];
      const dev = curveOf(own, `dev/${metric}`);
      const curves: Curve[] = [];
      if (train.length > 1) curves.push({ set: 'train', points: train });
      if (dev.length > 0) curves.push({ set: 'dev', points: dev });
      if (curves.length > 0 && (train.length > 1 || dev.length > 1)) out.push({ attack, metric, curves });
    }
  }
  return out;
}

function curveOf(records: readonly JsonObject[], key: string): readonly { readonly x: number; readonly y: number }[] {
  return records.flatMap((record) => {
    const [y, step] = [record[key], record['step']];
    return typeof y === 'number' && typeof step === 'number' ? [{ x: step, y }] : [];
  });
}
