/** Generation takes and gives these data, one row at a time. Plain data: it crosses to the worker. */
import type { StreamKey } from '../../base/random.js';
import type { HostTensor } from './hostTensor.js';
import type { SamplingOptions } from './samplingOptions.js';

/** Size of the key/value cache of an inference graph. */
export interface CacheShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headSize: number;
}

export interface DecodeRow {
  /** The prompt; at least one token. Of V tokens, the id V + i is the soft token of row i of the call's table. */
  readonly ids: readonly number[];
  /** ≥ 1: also give log p of ids[scoreFrom …] under the model, from the same pass; null = do not. */
  readonly scoreFrom: number | null;
  readonly sampling: SamplingOptions;
  /** One uniform number is drawn from it for each token. */
  readonly stream: StreamKey;
  /** New tokens that are known: they are not drawn, and the row ends with the last of them, whatever the stop rules say.
   *  Their log-probabilities are those with which the sampler would have drawn them, −∞ for one that it would not. */
  readonly given?: readonly number[];
  /** The beginning of the prompt that the last call has kept need not be read again. Default false: then the result
   *  does not depend on earlier calls, to the bit. */
  readonly continues?: boolean;
}

export interface DecodeOptions {
  /** Keys and values stay on the device for rows of the next call on this program that continue these. Default false.
   */
  readonly keep?: boolean;
  /** f32 [S, C], the rows of soft tokens, for a program that reads them. Contexts that hold soft tokens are not kept. */
  readonly soft?: HostTensor | undefined;
  readonly onProgress?: (progress: DecodeProgress) => void;
}

/** One call. */
export interface DecodeJob {
  readonly shape: CacheShape;
  readonly rows: readonly DecodeRow[];
  readonly soft: HostTensor | null;
  /** Whether keys and values stay for rows of the next call that continue these. */
  readonly keep: boolean;
}

export interface DecodeResult {
  /** New tokens, the stop id included. */
  readonly ids: readonly number[];
  /** log p of each new token under the model itself, nats. */
  readonly logProbs: readonly number[];
  /** log p of each new token under the distribution it was drawn from, nats. */
  readonly samplingLogProbs: readonly number[];
  /** log p of ids[scoreFrom …], nats; null when not asked for. */
  readonly scored: readonly number[] | null;
  readonly finishReason: 'stop' | 'length';
}

export interface DecodeProgress {
  readonly rows: number;
  readonly rowsDone: number;
  /** New tokens so far, of all rows. */
  readonly tokens: number;
}
