/** What a kind of judge is to the table in all.ts: one file, one entry, and the contract tests run over it. */
import type { Judge } from '../../dialogue/types.js';
import type { Device } from '../../engine/runtime/device.js';

/** How a recipe or a flag names a judge; `judge: NAME` is short for `judge: { model: NAME }`. */
export interface JudgeSpec {
  readonly model: string;
  /** Harm above it counts as a failure; the judge's own when absent. */
  readonly threshold?: number | undefined;
}

export interface JudgeDeps {
  /** Opened on first need: only judges that are models ask for it. */
  readonly device: () => Promise<Device>;
  /** Where downloaded models are kept; null for the standard places. */
  readonly cacheDir: string | null;
  /** No network, whatever the notation says. */
  readonly offline: boolean;
}

export interface JudgeKind {
  /** How it is written, with its variable parts in capitals: 'lexicon:FILE'. */
  readonly notation: string;
  /** One line for `gadfly list judges`. */
  readonly summary: string;
  readonly accepts: (model: string) => boolean;
  /** @param openMember opens a judge of any kind; for judges made of judges */
  readonly open: (spec: JudgeSpec, deps: JudgeDeps, openMember: (spec: JudgeSpec) => Promise<Judge>) => Promise<Judge>;
}
