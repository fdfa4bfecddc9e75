/** Gathers the view of a report from a run directory: manifest, report.json, curves of metrics.jsonl. Reading only. */
import { parseUnit } from '../runs/units.js';
import { openRun } from '../runs/openRun.js';
import type { JsonObject } from '../base/json.js';
import type { Manifest } from '../runs/manifest.js';
import { readRecords } from '../runs/recordLog.js';
import { parseReport } from './report.js';
import type { Report } from './report.js';

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

/** Loss of one training of a mend stage: of the control-token model, or of a mended one. */
export interface MendCurve {
  readonly stage: string;
  readonly model: string;
  /** x: steps of this training, from 1. */
  readonly points: Curve['points'];
}

export interface ReportView {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Rows and samples are empty while nothing has been evaluated. */
  readonly report: Report;
  /** The curves of attacks; those of mend stages are in `mending`. */
  readonly training: readonly TrainingCurves[];
  readonly mending: readonly MendCurve[];
}

/** Metrics whose course over training is shown, in this order. */
const shown = ['reward', 'replyHarm', 'replyFailureRate', 'adversaryNll', 'loss'];
const trainPrefixes = ['rollout/', 'epoch/', 'train/', ''];

/** @throws ConfigError when the folder holds no run, FormatError when a file of it is damaged */
export async function readReportView(folder: string): Promise<ReportView> {
  const { path, manifest, report, logPath } = openRun(folder);
  const records: JsonObject[] = [];
  for await (const { record } of readRecords(logPath('metrics'))) records.push(record);
  return {
    folder: path,
    manifest,
    report:
      report === null
        ? { schema: 1, run: {}, rows: [], samples: [], notes: ['This run has not been evaluated yet.'] }
        : parseReport(report, `${path}/report.json`),
    training: trainingCurves(records),
    mending: mendCurves(records),
  };
}

/** Groups records by attack and metric. A record's attack is its `stage`, 'exploit:NAME'; records of mend stages are
 *  none of an attack's. */
export function trainingCurves(records: readonly JsonObject[]): readonly TrainingCurves[] {
  const attacks = new Map<string, JsonObject[]>();
  for (const record of records) {
    const { stage } = record;
    const unit = typeof stage === 'string' ? parseUnit(stage) : null;
    if (unit !== null && unit.kind !== 'exploit') continue;
    const name = unit?.stage ?? (typeof stage === 'string' ? stage : 'training');
    attacks.set(name, [...(attacks.get(name) ?? []), record]);
  }
  const out: TrainingCurves[] = [];
  for (const [attack, own] of attacks) {
    for (const metric of shown) {
      const train =
        trainPrefixes.map((prefix) => curveOf(own, prefix + metric)).find((points) => points.length > 0) ?? [];
      const dev = curveOf(own, `dev/${metric}`);
      const curves: Curve[] = [];
      if (train.length > 1) curves.push({ set: 'train', points: train });
      if (dev.length > 0) curves.push({ set: 'dev', points: dev });
      if (curves.length > 0 && (train.length > 1 || dev.length > 1)) out.push({ attack, metric, curves });
    }
  }
  return out;
}

/** The losses of mend stages. A record's `stage` is 'mend:NAME:twin' or 'mend:NAME:train:MODEL'. */
export function mendCurves(records: readonly JsonObject[]): readonly MendCurve[] {
  const trainings = new Map<string, { readonly stage: string; readonly model: string; readonly own: JsonObject[] }>();
  for (const record of records) {
    const key = typeof record['stage'] === 'string' ? record['stage'] : '';
    const unit = parseUnit(key);
    if (unit?.kind !== 'mendControlModel' && unit?.kind !== 'mendTraining') continue;
    const model = unit.kind === 'mendControlModel' ? 'twin' : unit.model;
    const training = trainings.get(key) ?? { stage: unit.stage, model, own: [] };
    training.own.push(record);
    trainings.set(key, training);
  }
  return [...trainings.values()].flatMap(({ stage, model, own }) => {
    const points = trainPrefixes.map((prefix) => curveOf(own, `${prefix}loss`)).find((found) => found.length > 0) ?? [];
    const start = (points[0]?.x ?? 1) - 1;
    return points.length > 1 ? [{ stage, model, points: points.map(({ x, y }) => ({ x: x - start, y })) }] : [];
  });
}

function curveOf(records: readonly JsonObject[], key: string): readonly { readonly x: number; readonly y: number }[] {
  return records.flatMap((record) => {
    const [y, step] = [record[key], record['step']];
    return typeof y === 'number' && typeof step === 'number' ? [{ x: step, y }] : [];
  });
}
