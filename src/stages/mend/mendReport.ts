/** The part of a report that mending fills: what its models answered, and how that differs from before. Read from the
 *  run's records, whichever sitting wrote them. */
import { present } from '../../base/invariant.js';
import { compareChoices, summariseChoices } from '../../measures/choices.js';
import { compareOrdinaryNll, summariseOrdinaryNll } from '../../measures/guards.js';
import { compareReplies, summariseReplies } from '../../measures/summary.js';
import type { JsonObject, JsonValue } from '../../base/json.js';
import { readRecords } from '../../runs/recordLog.js';
import type { MendPoint, MendReport, MendRow, MendSample, Metrics } from '../../report/report.js';
import type { BootstrapOptions } from '../../stats/bootstrap.js';
import { bootstrapOf } from '../evaluate/evaluationReport.js';
import type { StageContext } from '../stageContext.js';
import {
  groupReplies,
  type MeasuredGuards,
  type MeasuredReplies,
  type MeasuredSet,
  measuredSets,
  measureUnit,
  readGuards,
} from './measures.js';

/** What the manifest keeps of a finished mend stage. */
export interface MendResult {
  /** Of the target that was mended. */
  readonly before: string;
  /** All that were measured, `before` first. */
  readonly measured: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** One for each mend stage that is finished, in order. */
export async function mendReports({
  run,
  recipe,
}: Pick<StageContext, 'run' | 'recipe'>): Promise<readonly MendReport[]> {
  const stages = run.manifest.completed.flatMap(({ unit, result }) => {
    const name = /^mend:([^:]+)$/.exec(unit)?.[1];
    return name === undefined ? [] : [{ name, unit, result: result as unknown as MendResult }]; // Written by mend.
  });
  if (stages.length === 0) return [];
  const replies = await recordsByStage(run.rollouts.path, /^mend:[^:]+:measure:/);
  const courses = await recordsByStage(run.metrics.path, /^mend:[^:]+:train:/);
  const bootstrap = bootstrapOf(recipe);
  return stages.map(({ name, unit, result }): MendReport => {
    const { before, measured, counts } = result;
    const models = measured.map((model): MeasuredModel => {
      const records = replies.get(measureUnit(unit, model)) ?? [];
      return {
        model,
        records,
        replies: groupReplies(records),
        guards: readGuards(present(run.completed(measureUnit(unit, model)), 'a measure of each model')),
      };
    });
    const first = present(models[0], 'the target before is measured');
    return {
      stage: name,
      before,
      counts,
      sets: measuredSets.flatMap((set) => {
        const rows = models.map((each): MendRow => ({
          model: each.model,
          metrics: summariseReplies(each.replies[set], bootstrap),
          ...(each === first ? {} : { change: compareReplies(each.replies[set], first.replies[set], bootstrap) }),
        }));
        const dialogues = first.replies[set].flat().length;
        return dialogues === 0 ? [] : [{ set, dialogues, rows }];
      }),
      guards: models.map((each): MendRow => ({
        model: each.model,
        metrics: { ...summariseOrdinaryNll(each.guards.nll, bootstrap), ...summariseChoices(each.guards.choices) },
        ...(each === first ? {} : { change: compareGuards(each.guards, first.guards, bootstrap) }),
      })),
      course: [...courses].flatMap(([stage, records]) =>
        stage.startsWith(`${unit}:train:`)
          ? [{ model: stage.slice(`${unit}:train:`.length), points: records.flatMap(pointOf) }]
          : [],
      ),
      samples: measuredSets.flatMap((set) => samplesOf(set, models)),
    };
  });
}

/** Of mended targets by name, against the recipe's own: what a loop shows beside failure rates. */
export async function guardsOf({
  run,
  recipe,
}: Pick<StageContext, 'run' | 'recipe'>): Promise<ReadonlyMap<string, Metrics>> {
  const bootstrap = bootstrapOf(recipe);
  const measured = new Map<string, MeasuredGuards>();
  for (const { unit, result } of run.manifest.completed) {
    const name = /^mend:[^:]+:measure:(.+)$/.exec(unit)?.[1];
    if (name !== undefined && !measured.has(name)) measured.set(name, readGuards(result));
  }
  const [original] = measured.values();
  const out = new Map<string, Metrics>();
  for (const [name, guards] of measured) {
    const change =
      original === undefined || guards === original
        ? {}
        : pick(compareOrdinaryNll(guards.nll, original.nll, bootstrap), 'ordinaryNllChange');
    out.set(name, { ...summariseOrdinaryNll(guards.nll, bootstrap), ...change, ...summariseChoices(guards.choices) });
  }
  return out;
}

function pick(metrics: Metrics, name: string): Metrics {
  return metrics[name] === undefined ? {} : { [name]: metrics[name] };
}

function compareGuards(after: MeasuredGuards, before: MeasuredGuards, bootstrap: BootstrapOptions): Metrics {
  return {
    ...compareOrdinaryNll(after.nll, before.nll, bootstrap),
    ...compareChoices(after.choices, before.choices, bootstrap),
  };
}

interface MeasuredModel {
  readonly model: string;
  readonly records: readonly JsonObject[];
  readonly replies: MeasuredReplies;
  readonly guards: MeasuredGuards;
}

async function recordsByStage(path: string, wanted: RegExp): Promise<ReadonlyMap<string, readonly JsonObject[]>> {
  const out = new Map<string, JsonObject[]>();
  for await (const record of readRecords(path)) {
    const { stage } = record;
    if (typeof stage !== 'string' || !wanted.test(stage)) continue;
    const known = out.get(stage);
    if (known === undefined) out.set(stage, [record]);
    else known.push(record);
  }
  return out;
}

/** A look at the held-out replies. */
function pointOf(record: JsonObject): readonly MendPoint[] {
  const { trained } = record;
  if (typeof trained !== 'number') return [];
  const values = Object.entries(record).flatMap(([name, value]) =>
    /^(kl|rewards)\//.test(name) && typeof value === 'number' ? [[name, value] as const] : [],
  );
  return [{ step: trained, values: Object.fromEntries(values) }];
}

const samplesASet = 4;

/** Evenly spread over the dialogues of the set. */
function samplesOf(set: MeasuredSet, models: readonly MeasuredModel[]): readonly MendSample[] {
  const own = models.map(({ model, records }) => ({
    model,
    records: records.filter((record) => record['set'] === set),
  }));
  const first = own[0]?.records ?? [];
  const count = Math.min(samplesASet, first.length);
  return Array.from({ length: count }, (_, i) => {
    const at = Math.floor((i * first.length) / count);
    const { prompt, turns } = first[at] as unknown as { prompt: { text: string }; turns: readonly { text: string }[] }; // Written by measureModel.
    return {
      set,
      context: [prompt.text, ...turns.slice(0, -1).map(({ text }) => text)].filter((text) => text !== ''),
      replies: own.map(({ model, records }) => ({ model, ...replyOf(records[at]?.['measure']) })),
    };
  });
}

function replyOf(
  measure: JsonValue | undefined,
): Pick<MendSample['replies'][number], 'text' | 'harm' | 'failed' | 'evasive'> {
  const { text, harm, failed, evasive } = measure as unknown as MendSample['replies'][number]; // Written by measureModel.
  return { text, harm, failed, evasive };
}
