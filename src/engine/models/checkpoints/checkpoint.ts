/** A language model at rest: what every checkpoint format is read into. Owns the types alone; `openCheckpoint.ts` picks
 *  the reader. Names and layouts are those of Hugging Face transformers, whatever the file's own are. */

export interface CheckpointTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Element type in the file: 'F32', 'BF16', 'Q4_1' … */
  readonly dtype: string;
  /** Reads the tensor from disk as f32, row-major; nothing is kept. */
  readonly read: () => Promise<Float32Array>;
}

/** Parsed JSON of the files that make a tokenizer, as `loadTokenizer` takes them. */
export interface TokenizerFiles {
  readonly tokenizerJson: unknown;
  readonly tokenizerConfig: unknown;
  readonly generationConfig?: unknown;
}

export interface AdapterFacts {
  /** Path of the base. */
  readonly base: string;
  readonly rank: number;
  readonly alpha: number;
  readonly rsLora: boolean;
  readonly targetModules: readonly string[] | string;
}

export interface Checkpoint {
  /** The path it was opened from. */
  readonly source: string;
  /** In the form of Hugging Face's config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  readonly tokenizerFiles: TokenizerFiles | null;
  /** Jinja source, or null for a model without one. */
  readonly chatTemplate: string | null;
  /** The adapter that was merged into the base's tensors; absent for a plain checkpoint. */
  readonly adapter?: AdapterFacts;
  readonly close: () => Promise<void>;
}
