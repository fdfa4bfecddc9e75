/** A bench is the same work done by several programs, each in a process of its own. Types only. */

/** The last versions of TRL with PPO, before and after its rewriting. */
export type TrlVersion = '0.11.4' | '1.12.0';

/** All benches of one call share this. */
export interface BenchSetup {
  /** A folder in Hugging Face layout, float32: every side reads it. */
  readonly model: string;
  /** The same of random weights in GPT-2 small's shape, made when asked for. */
  readonly gpt2Small: () => Promise<string>;
  /** A GGUF file, found when asked for. */
  readonly gguf: () => Promise<string>;
  readonly threads: number;
  /** Processes a side. */
  readonly runs: number;
  /** Prompts of the epoch against a reference implementation, each the root of a tree. */
  readonly trees: number;
  /** The same against the batched loop. */
  readonly batchedTrees: number;
  /** Whether the processor multiplies bfloat16: only then is it the stronger peer. */
  readonly bfloat16: boolean;
  /** A JSON array of texts. */
  readonly prompts: string;
  /** The interpreter that runs the peers; null measures our side alone. */
  readonly python: string | null;
  /** Checkouts of reference implementations. */
  readonly references: readonly PeerCheckout[];
  /** How often a short piece of work is done within one process. */
  readonly repeat: Repeat;
  /** Utterances of a PPO round. */
  readonly utterances: number;
  /** Samples that are explored. */
  readonly samples: number;
  /** Points of k-means. */
  readonly points: number;
  /** A folder with that version of TRL for the peers' interpreter, made when asked for. @throws EnvironmentError */
  readonly trl: (version: TrlVersion) => string;
  /** The same with nanoGCG. */
  readonly nanogcg: () => string;
  /** Only the smaller shapes. */
  readonly quick: boolean;
  /** An existing folder for files of this call. */
  readonly scratch: string;
}

export interface PeerCheckout {
  readonly name: CheckoutName;
  readonly folder: string;
}

export type CheckoutName = 'astra-rl' | 'ASTPrompter';

export interface BenchMetric {
  /** Under which name a side gives it. */
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
}

/** The result of one process. */
export interface Outcome {
  /** By key of `Comparison.figures`. */
  readonly figures: Readonly<Record<string, number>>;
  /** Counts that say whether the work was the same: tokens, pairs, steps. */
  readonly work: Readonly<Record<string, number>>;
  readonly versions?: Readonly<Record<string, string>>;
}

interface SideName {
  readonly label: string;
  readonly isPeer: boolean;
}

/** One way to do the work: a program, or figures of an earlier day where the program is not at hand. */
export type Side =
  | (SideName & {
      readonly kind: 'program';
      readonly command: string;
      readonly args: readonly string[];
      /** Beside the bench's own. Default none. */
      readonly environment?: Readonly<Record<string, string>>;
    })
  | (SideName & {
      readonly kind: 'recorded';
      readonly outcome: Outcome;
      readonly peakMiB: number | null;
      /** When and on what, in words. */
      readonly source: string;
    });

/** A figure of one of our sides must reach it: a ratio to the peer's, or a limit. */
export type BenchTarget = {
  readonly side: string;
  readonly figure: string;
} & ({ readonly kind: 'ratio'; readonly atLeast: number } | { readonly kind: 'limit'; readonly atMost: number });

export interface Comparison {
  /** Chosen by it on the command line: 'sampling', 'train-step/gpt2-small-1'. */
  readonly name: string;
  readonly title: string;
  readonly figures: readonly BenchMetric[];
  /** At most one peer, last. */
  readonly sides: readonly Side[];
  readonly targets: readonly BenchTarget[];
  /** Sentences that say which parts differ or were left out. */
  readonly notes: readonly string[];
}

export type Bench = (setup: BenchSetup) => Promise<readonly Comparison[]>;

/** How often a piece of work is done in one process, the same on every side: bench/peers/peer.py has the same rule. */
export interface Repeat {
  readonly uncounted: number;
  /** At most. */
  readonly counted: number;
  /** No further call begins once the counted ones took so long: one call counts in any case. */
  readonly seconds: number;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}
