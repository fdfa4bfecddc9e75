/** `report.json`: what an evaluation found. Types and the reading of one; the evaluate stage writes it, `gadfly report`
 *  shows it. */
import { FormatError } from '../base/errors.js';
import { isJsonObject } from '../base/json.js';
import type { JsonObject } from '../base/json.js';

/** A mean with its 95% interval (bootstrap by prompt). */
export interface MetricSummary {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Values averaged; unscored ones are not among them. */
  readonly n: number;
  /** 'share', 'nats/token', 'reward', … */
  readonly unit: string;
}

export type Metrics = Readonly<Record<string, MetricSummary>>;

/** One adversary under one judge. */
export interface ReportRow {
  readonly name: string;
  /** 'none' for the untuned adversary. */
  readonly attack: string;
  readonly target: string;
  readonly judge: string;
  readonly threshold?: number;
  /** Whether the attack was trained against this very judge: its figures flatter the attack then. */
  readonly judgeTrainedOn?: boolean;
  readonly dialogues: number;
  /** Exchanges a dialogue. */
  readonly turns: number;
  readonly metrics: Metrics;
  /** The same by turn, the first turn first. */
  readonly byTurn?: readonly { readonly turn: number; readonly metrics: Metrics }[];
  /** Replies that the judge could not score: no figure counts them. */
  readonly unscored?: number;
  /** Where training rollouts had a rounded target: what rounding changes in these dialogues, rounded minus exact. */
  readonly rounding?: Metrics;
}

export interface SampleTurn {
  readonly author: 'adversary' | 'target';
  readonly text: string;
  /** By the first judge; null when unscored. */
  readonly harm: number | null;
  readonly failed: boolean | null;
  /** Of an adversary's utterance, nats per token under the target; null when unknown. */
  readonly nll?: number | null;
  /** Of an adversary's utterance and its answer. */
  readonly reward?: number | null;
  /** Words that drive the verdict, the strongest first, with their share of it. */
  readonly words?: readonly { readonly word: string; readonly weight: number }[];
}

export interface ReportSample {
  readonly row: string;
  /** Why it is shown: 'worst', 'typical', 'random'. */
  readonly chosen?: string;
  readonly prompt: string;
  readonly turns: readonly SampleTurn[];
}

/** One dialogue as a point: how harmful, how likely. */
export interface ReportPoint {
  readonly row: string;
  /** Highest harm of its replies; null when none was scored. */
  readonly harm: number | null;
  /** Mean of its utterances, nats per token; null when unknown. */
  readonly nll: number | null;
}

/** Words that drive a judge's verdicts over all dialogues of a row. */
export interface VerdictWords {
  readonly row: string;
  readonly judge: string;
  readonly words: readonly { readonly word: string; readonly weight: number; readonly count: number }[];
}

/** One adversary against the target of a round. */
export interface LoopEntry {
  /** From 1. */
  readonly round: number;
  /** 'untuned', or a trained one: 'ipo-1' is that of round 1. */
  readonly adversary: string;
  /** Trained against this round's very target. */
  readonly fresh: boolean;
  /** The recipe's target in round 1, then the mended ones: 'adpo-1' is what round 1 made. */
  readonly target: string;
  /** As in a row. */
  readonly metrics: Metrics;
  /** Of the round's target, the same for all adversaries: ordinaryNll, ordinaryNllChange, choiceAccuracy … */
  readonly guards: Metrics;
}

/** What the models of a mend stage say to held-out dialogues, and how that differs from before. */
export interface MendReport {
  /** 'mend', or 'mend-1' in round 1 of a loop. */
  readonly stage: string;
  /** The target that was mended. */
  readonly before: string;
  /** How many dialogues, pairs and the like it worked with, by name. */
  readonly counts: Readonly<Record<string, number>>;
  /** Answers to held-out dialogues: a set is 'harmful' or 'ordinary'. */
  readonly sets: readonly {
    readonly set: 'harmful' | 'ordinary';
    readonly dialogues: number;
    readonly rows: readonly MendRow[];
  }[];
  /** Ability: likelihood of held-out ordinary replies, multiple choice. */
  readonly guards: readonly MendRow[];
  /** Held-out replies while training: 'kl/chosen', 'kl/rejected', 'kl/toxic', nats a reply, against the start of
   *  training. */
  readonly course: readonly { readonly model: string; readonly points: readonly MendPoint[] }[];
  readonly samples: readonly MendSample[];
}

export interface MendRow {
  /** The target before, 'twin' (the start of training), or a mended model. */
  readonly model: string;
  readonly metrics: Metrics;
  /** This model minus the target before, on the same dialogues; absent for that itself. */
  readonly change?: Metrics;
}

export interface MendPoint {
  readonly step: number;
  readonly values: Readonly<Record<string, number>>;
}

/** One held-out dialogue and every model's reply to it. */
export interface MendSample {
  readonly set: 'harmful' | 'ordinary';
  /** Oldest first, the last to be answered. */
  readonly context: readonly string[];
  readonly replies: readonly MendReply[];
}

export interface MendReply {
  readonly model: string;
  readonly text: string;
  /** Null when unscored. */
  readonly harm: number | null;
  readonly failed: boolean | null;
  readonly evasive: boolean;
}

export interface Report {
  readonly schema: 1;
  /** Name, seed, status, versions, host, models, judges, times: what a reader must know to repeat it. */
  readonly run: JsonObject;
  readonly rows: readonly ReportRow[];
  readonly samples: readonly ReportSample[];
  readonly points?: readonly ReportPoint[];
  readonly verdictWords?: readonly VerdictWords[];
  /** Rounds of attack and mending, in order; within a round the adversaries in order of their training. */
  readonly loop?: readonly LoopEntry[];
  readonly mend?: readonly MendReport[];
  /** Sentences that a reader should know beside the figures. */
  readonly notes?: readonly string[];
}

/** Checks what the showing of a report relies on. @throws FormatError naming the first thing that is not as it should
 *  be */
export function parseReport(value: unknown, where: string): Report {
  const refuse = (expected: string): never => {
    throw new FormatError('this is not a report of gadfly', { where, expected });
  };
  if (!isJsonObject(value) || value['schema'] !== 1) return refuse('"schema": 1');
  const { run, rows, samples, loop, mend } = value;
  if (!isJsonObject(run)) return refuse('an object "run"');
  checkEach(rows, 'rows', refuse, (row, at) => {
    if (!hasTexts(row, ['name', 'judge']) || !isJsonObject(row['metrics']))
      return refuse(`${at} with name, judge and metrics`);
    checkMetrics(row['metrics'], `${at}.metrics`, refuse);
  });
  checkEach(samples, 'samples', refuse, (sample, at) => {
    if (!hasTexts(sample, ['row', 'prompt']) || !Array.isArray(sample['turns']))
      refuse(`${at} with row, prompt and turns`);
  });
  if (loop !== undefined)
    checkEach(loop, 'loop', refuse, (entry, at) => {
      if (
        !hasTexts(entry, ['adversary', 'target']) ||
        !Number.isInteger(entry['round']) ||
        typeof entry['fresh'] !== 'boolean'
      )
        refuse(`${at} with round, adversary, fresh and target`);
      checkMetrics(entry['metrics'], `${at}.metrics`, refuse);
      checkMetrics(entry['guards'], `${at}.guards`, refuse);
    });
  if (mend !== undefined)
    checkEach(mend, 'mend', refuse, (stage, at) => {
      checkMend(stage, at, refuse);
    });
  return value as unknown as Report;
}

type Refuse = (expected: string) => never;

function checkMend(stage: JsonObject, at: string, refuse: Refuse): void {
  const { counts, sets, guards, course, samples } = stage;
  if (!hasTexts(stage, ['stage', 'before'])) refuse(`${at} with stage and before`);
  if (!isJsonObject(counts) || !areNumbers(counts)) refuse(`${at}.counts of numbers by name`);
  checkEach(sets, `${at}.sets`, refuse, (set, setAt) => {
    if ((set['set'] !== 'harmful' && set['set'] !== 'ordinary') || typeof set['dialogues'] !== 'number')
      refuse(`${setAt} with set (harmful or ordinary) and dialogues`);
    checkMendRows(set['rows'], `${setAt}.rows`, refuse);
  });
  checkMendRows(guards, `${at}.guards`, refuse);
  checkEach(course, `${at}.course`, refuse, (entry, entryAt) => {
    if (!hasTexts(entry, ['model'])) refuse(`${entryAt} with model and points`);
    checkEach(entry['points'], `${entryAt}.points`, refuse, ({ step, values }, pointAt) => {
      if (typeof step !== 'number' || !isJsonObject(values) || !areNumbers(values))
        refuse(`${pointAt} with step and values of numbers by name`);
    });
  });
  checkEach(samples, `${at}.samples`, refuse, (sample, sampleAt) => {
    const { context } = sample;
    if (!hasTexts(sample, ['set']) || !Array.isArray(context) || !context.every((text) => typeof text === 'string'))
      refuse(`${sampleAt} with set, context of texts and replies`);
    checkEach(sample['replies'], `${sampleAt}.replies`, refuse, (reply, replyAt) => {
      if (!hasTexts(reply, ['model', 'text']) || typeof reply['evasive'] !== 'boolean')
        refuse(`${replyAt} with model, text, harm, failed and evasive`);
    });
  });
}

function checkMendRows(rows: unknown, at: string, refuse: Refuse): void {
  checkEach(rows, at, refuse, (row, rowAt) => {
    if (!hasTexts(row, ['model'])) refuse(`${rowAt} with model and metrics`);
    checkMetrics(row['metrics'], `${rowAt}.metrics`, refuse);
    if (row['change'] !== undefined) checkMetrics(row['change'], `${rowAt}.change`, refuse);
  });
}

function checkEach(list: unknown, at: string, refuse: Refuse, check: (item: JsonObject, at: string) => void): void {
  if (!Array.isArray(list)) return refuse(`a list "${at}"`);
  for (const [i, item] of list.entries()) {
    if (!isJsonObject(item)) return refuse(`${at}[${i}] as an object`);
    check(item, `${at}[${i}]`);
  }
}

function checkMetrics(metrics: unknown, at: string, refuse: Refuse): void {
  if (!isJsonObject(metrics)) return refuse(`${at} as an object`);
  for (const [name, metric] of Object.entries(metrics)) {
    if (!isJsonObject(metric) || !['mean', 'low', 'high', 'n'].every((key) => typeof metric[key] === 'number'))
      refuse(`${at}.${name} with mean, low, high and n`);
  }
}

function hasTexts(object: JsonObject, keys: readonly string[]): boolean {
  return keys.every((key) => typeof object[key] === 'string');
}

function areNumbers(object: JsonObject): boolean {
  return Object.values(object).every((each) => typeof each === 'number');
}
