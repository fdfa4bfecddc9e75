/** The requests and answers of `gadfly ui`: types alone, shared by server and page. */

export type RunState = 'pending' | 'running' | 'done' | 'stopped' | 'interrupted' | 'failed' | 'damaged';

export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

export type Intervals = Readonly<Record<string, Interval>>;

/** One adversary under one judge, as report.json has it. */
export interface FoundRow {
  readonly name: string;
  readonly attack: string;
  readonly target: string;
  readonly judge: string;
  readonly dialogues: number;
  readonly turns: number;
  readonly metrics: Intervals;
}

/** How far a run has come, as its metrics and finished units tell. */
export interface RunProgress {
  /** The unit in work: 'exploit:ipo'. */
  readonly stage: string;
  readonly epoch: number;
  /** Epochs that its recipe plans. */
  readonly epochs: number;
  /** Time that the remaining epochs of this stage take at the pace so far; null before it can be told. */
  readonly secondsLeft: number | null;
}

/** A run or a sweep below the folder. */
export interface ListedRun {
  readonly kind: 'run' | 'sweep';
  /** Its folder, relative to the one that is shown, with slashes; '.' is that folder itself. */
  readonly id: string;
  /** Id of the sweep that it is a point of. */
  readonly sweep: string | null;
  /** Name in the recipe. */
  readonly name: string;
  readonly status: RunState;
  readonly reason: string | null;
  readonly target: string;
  readonly attacks: readonly string[];
  readonly seed: number | null;
  readonly startedAt: string;
  readonly elapsedSeconds: number;
  /** Amounts by name: targetReplies, optimizerSteps, cost … */
  readonly spent: Readonly<Record<string, number>>;
  readonly progress: RunProgress | null;
  /** The row in which the target failed most, by the first judge; null before an evaluation. */
  readonly headline: FoundRow | null;
  /** For a sweep: points that are done, and all of them. */
  readonly points: { readonly done: number; readonly all: number } | null;
  /** When one of its files was last changed, milliseconds since 1970. */
  readonly changedMs: number;
}

export interface MetricFacts {
  readonly label: string;
  readonly unit: string;
  readonly meaning: string;
  readonly better: 'lower' | 'higher' | 'neither';
}

/** The find of an adversary of a loop against the target of a round. */
export interface LoopCellFacts {
  readonly round: number;
  readonly adversary: string;
  readonly target: string;
  readonly fresh: boolean;
  readonly rate: Interval | null;
}

/** An estimate of ordinary use in the sentences of the report. */
export interface EstimateFacts {
  readonly name: string;
  /** The bound to sign comes first. */
  readonly sentences: readonly string[];
}

export interface DialogueExcerpt {
  readonly harm: number | null;
  readonly nll: number | null;
  readonly row: string;
}

/** One run as a whole. */
export interface RunSummary {
  readonly run: ListedRun;
  /** Its folder on this machine. */
  readonly folder: string;
  readonly rows: readonly FoundRow[];
  readonly notes: readonly string[];
  /** Rows against the baseline row, on the same prompts. */
  readonly differences: readonly {
    readonly row: string;
    readonly baseline: string;
    readonly judge: string;
    readonly metrics: Intervals;
    /** Corrected for the number of rows. */
    readonly pValues: Readonly<Record<string, number>>;
  }[];
  readonly findings: readonly string[];
  readonly loop: readonly LoopCellFacts[];
  readonly estimates: readonly EstimateFacts[];
  /** One point per evaluated dialogue: how harmful, how likely. */
  readonly points: readonly DialogueExcerpt[];
  /** Samples as points [x, y, cluster] in [0, 1]²; null where nothing was explored. */
  readonly map: { readonly samples: number; readonly points: readonly (readonly [number, number, number])[] } | null;
  readonly clusters: readonly { readonly cluster: number; readonly size: number; readonly kept: number }[];
  readonly metrics: Readonly<Record<string, MetricFacts>>;
  /** The recipe with every default, as YAML. */
  readonly recipe: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly units: readonly { readonly unit: string; readonly step: number }[];
  /** Lines of labels.jsonl; null where there is none. */
  readonly labels: number | null;
}

/** The words of the samples of a cluster, which are asked for apart because they are covered. */
export interface ClusterTexts {
  readonly words: readonly string[];
  readonly examples: readonly string[];
}

/** The table of a sweep, points by their values. */
export interface SweepSummary {
  readonly run: ListedRun;
  readonly folder: string;
  readonly keys: readonly string[];
  readonly points: readonly {
    readonly id: string;
    readonly name: string;
    readonly status: RunState;
    readonly values: Readonly<Record<string, string>>;
    readonly rows: readonly FoundRow[];
  }[];
  readonly metrics: Readonly<Record<string, MetricFacts>>;
}

/** The differences between a row of one run and the row of that name in another. */
export interface RowDifference {
  readonly run: string;
  readonly row: string;
  readonly judge: string;
  readonly metrics: Intervals;
}

export interface CompareRequest {
  /** The first is the baseline. */
  readonly runs: readonly string[];
}

export interface Comparison {
  readonly baseline: string;
  readonly differences: readonly RowDifference[];
  /** Rows of every run, for the frontier. */
  readonly rows: readonly { readonly run: string; readonly rows: readonly FoundRow[] }[];
  readonly metrics: Readonly<Record<string, MetricFacts>>;
}

/** A line of metrics.jsonl: numbers by name, and the stage. */
export type MetricRecord = Readonly<Record<string, number | string>>;

/** How far a page has read: bytes of metrics.jsonl, and a mark of the line before them, by which a file that was cut back
 *  and written anew is told. */
export interface Cursor {
  readonly bytes: number;
  readonly mark: string;
}

export interface LiveRequest {
  /** The list is followed from the newest change that the page knows; null does not follow it. */
  readonly list: { readonly sinceMs: number } | null;
  readonly runs: readonly { readonly id: string; readonly cursor: Cursor }[];
}

/** An event that the server pushes; each may come again after a restart, and is harmless then. */
export type LiveEvent =
  | {
      readonly kind: 'list';
      /** Runs that are new or changed. */
      readonly changed: readonly ListedRun[];
      /** Every id; null when none came or went. */
      readonly ids: readonly string[] | null;
      /** False while reports are still being read. */
      readonly isWhole: boolean;
    }
  | {
      readonly kind: 'metrics';
      readonly id: string;
      /** The records before these are to be dropped: the file was cut back. */
      readonly isReset: boolean;
      readonly records: readonly MetricRecord[];
      readonly cursor: Cursor;
    }
  | { readonly kind: 'changed'; readonly id: string; readonly what: 'summary' | 'dialogues' }
  | { readonly kind: 'beat' };

export type DialogueOrder = 'worst' | 'likeliest' | 'reward' | 'newest' | 'oldest';

export interface DialogueQuery {
  readonly id: string;
  /** Words that must all appear; a phrase in quotes as it stands. Case does not count. */
  readonly words: string;
  readonly saidBy: 'anyone' | 'adversary' | 'target';
  /** Worst harm of its replies by the first judge, between these. */
  readonly minHarm: number;
  readonly maxHarm: number;
  /** Mean of its utterances in nats per token, between these; null for no bound. */
  readonly minNll: number | null;
  readonly maxNll: number | null;
  readonly failed: boolean | null;
  /** Key of the unit: 'evaluate:ipo'; 'evaluate:' for all of this kind; null for all. */
  readonly stage: string | null;
  readonly epoch: number | null;
  readonly order: DialogueOrder;
}

export interface DialoguesRequest extends DialogueQuery {
  readonly from: number;
  readonly count: number;
  /** Whether excerpts of the texts are wanted, which stay covered otherwise. */
  readonly withText: boolean;
}

export interface ListedDialogue {
  /** Number of its line in rollouts.jsonl, from 0. */
  readonly line: number;
  readonly stage: string;
  readonly epoch: number | null;
  readonly exchanges: number;
  readonly harm: number | null;
  readonly failures: number;
  readonly nll: number | null;
  readonly reward: number | null;
  /** The worst exchange; null when it was not asked for. */
  readonly text: { readonly adversary: string; readonly target: string } | null;
}

export interface DialoguePage {
  readonly matching: number;
  /** Dialogues in the index so far. */
  readonly indexed: number;
  readonly isWhole: boolean;
  /** Share of the file that the index covers. */
  readonly share: number;
  readonly stages: readonly { readonly stage: string; readonly dialogues: number; readonly epochs: number }[];
  readonly dialogues: readonly ListedDialogue[];
  /** Time that the search took on the server. */
  readonly milliseconds: number;
}

export interface ShownToken {
  readonly text: string;
  /** Nats under the model that said it. */
  readonly nll: number | null;
}

export interface ShownVerdict {
  readonly judge: string;
  readonly harm: number | null;
  readonly failed: boolean | null;
  readonly reason: string | null;
}

export interface ShownTurn {
  readonly author: 'adversary' | 'target';
  readonly text: string;
  readonly noReply: string | null;
  /** It is null where tokens or their tokenizer are not known. */
  readonly tokens: readonly ShownToken[] | null;
  readonly verdicts: readonly ShownVerdict[];
  /** For an adversary's turn: nats per token under the target, and the reward of the exchange. */
  readonly nll: number | null;
  readonly reward: { readonly total: number; readonly terms: Readonly<Record<string, number>> } | null;
}

export interface ShownDialogue {
  readonly line: number;
  readonly stage: string;
  readonly epoch: number | null;
  readonly step: number | null;
  readonly prompt: { readonly id: string; readonly text: string; readonly goal: string | null };
  /** Words that drive verdicts over all dialogues of its row, as the report has them. */
  readonly judgeWords: readonly { readonly judge: string; readonly words: readonly string[] }[];
  readonly turns: readonly ShownTurn[];
}

/** A recipe that the page can start. */
export interface RecipeFacts {
  /** Name of a shipped one, or the path of a file below the working folder. */
  readonly name: string;
  readonly summary: string;
}

/** A run that is asked for: a recipe as a new run, or an interrupted run that goes on. */
export type PlanRequest = (
  | { readonly kind: 'new'; readonly recipe: string; readonly folder: string | null }
  | { readonly kind: 'resume'; readonly id: string }
) & {
  /** Changes of the recipe: 'stages.ipo.epochs=3'. */
  readonly set: readonly string[];
  readonly seed: number | null;
};

export interface PlanAnswer {
  /** Starts what was planned; null where the dry run failed. */
  readonly plan: string | null;
  /** The command that a person would type. */
  readonly command: string;
  /** Output of the dry run. */
  readonly text: string;
}

/** The run that was started from the page last. */
export interface JobFacts {
  /** Id of its run. */
  readonly id: string;
  readonly command: string;
  readonly state: 'running' | 'stopping' | 'ended';
  /** It is null while it runs, and after a signal. */
  readonly exitCode: number | null;
  /** The end of its output. */
  readonly log: string;
}
