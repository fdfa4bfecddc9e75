/** A model family must say this about itself: how its config.json is read, which parameters it has, how it computes.
 *  One family = one file + one line in all.ts. Types only. */
import type { AttentionPattern, KeyValues } from '../nn/attention.js';
import type { Initial } from '../nn/init.js';
import type { WeightLayout } from '../nn/linear.js';
import type { Value } from '../tensor/value.js';
import type { RawConfig } from './configReader.js';

/** Sizes every family has. */
export interface ModelConfig {
  /** `model_type` of config.json. */
  readonly modelType: string;
  readonly layers: number;
  /** Channels of a hidden state. */
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly vocabularySize: number;
  /** Most tokens a sequence may have. */
  readonly contextLength: number;
  /** The vocabulary head is the embedding table. */
  readonly tiedHead: boolean;
  /** Logits l become cap · tanh(l / cap); absent where they do not. */
  readonly logitSoftcap?: number;
  /** Tokens, itself included, that a token sees in the layers that have a window; absent where no layer hides anything
   *  of a context. */
  readonly slidingWindow?: number;
  /** config.json as it was read, for saving. */
  readonly raw: RawConfig;
}

export interface ParameterSpec {
  /** The name in transformers. */
  readonly name: string;
  /** The name in other versions of transformers. */
  readonly otherName?: string;
  /** The shape in transformers. */
  readonly shape: readonly number[];
  /** Rounding it to 8 bits moves log-probabilities little; see docs/decisions/0007. Default false. */
  readonly roundable?: boolean;
  readonly initial: Initial;
}

/** Layers whose matrices may be rounded: the first two and the last move log-probabilities most. */
export function isRoundableLayer(layer: number, layers: number): boolean {
  return layer >= 2 && layer < layers - 1;
}

/** A model below its head: all that is needed to trace it, without any weights. */
export interface Body {
  readonly family: string;
  readonly config: ModelConfig;
  /** The names of the body's parameters begin with it, 'model.'; some checkpoints leave it out. */
  readonly prefix: string;
  /** All parameters but the heads'. */
  readonly body: readonly ParameterSpec[];
  /** Traces the body; its parameters become parameters of the inputs' trace. */
  readonly forward: (inputs: ForwardInputs) => ForwardResult;
}

/** A causal language model: a body, and what turns its states into logits. */
export interface Architecture extends Body {
  /** The vocabulary head [V, C]; for a tied head one of `body`. */
  readonly head: ParameterSpec;
}

export interface ForwardInputs {
  /** i64 [B, T] */
  readonly ids_BT: Value;
  /** i64 [B, T] */
  readonly positions_BT: Value;
  readonly attention: AttentionPattern;
  /** f32 [S, C], rows beside the token table, C its width: the id V + i of `ids_BT` is row i (see `embedTokens`); absent
   *  where every id is a token. */
  readonly soft_SC?: Value | undefined;
  /** Stands before the names of the model's parameters, so that two models have a place in one trace; default ''. */
  readonly scope?: string | undefined;
  /** An adapter's part in the linear maps; absent where the model has none. */
  readonly branch?: LinearBranch | undefined;
}

/** Returns the term added to the linear map called `name`, from the same rows; null if there is none.
 *  @param x_NI token rows, [N, in]
 *  @returns [N, out], or null */
export type LinearBranch = (x_NI: Value, name: string, sizes: LinearSizes) => Value | null;

export interface LinearSizes {
  readonly inputs: number;
  readonly outputs: number;
  readonly layout: WeightLayout;
}

export interface ForwardResult {
  /** States after the final norm, f32 [B·T, C]. */
  readonly hidden_NC: Value;
  /** The inputs of each layer, f32 [B·T, ·]: the embeddings first. With `hidden_NC` behind them they are the
   *  `hidden_states` of transformers. */
  readonly layerInputs: readonly Value[];
  /** By layer; empty unless the attention is cached. */
  readonly present: readonly KeyValues[];
}

export interface ModelFamily {
  /** Class names of config.json's `architectures` that this family covers. */
  readonly causalLanguageModels: readonly string[];
  readonly classifiers: readonly string[];
  /** @throws ConfigError naming the field that is missing, wrong or not supported */
  readonly open: (raw: RawConfig, where: string) => Architecture;
}
