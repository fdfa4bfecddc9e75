/** The part of a model that reads whole texts, and what its family puts on it to classify them. Decoders and encoders
 *  look alike here: a decoder reads left to right and is pooled at its last token, an encoder reads both ways and is
 *  pooled at its first. Types only. */
import type { Value } from '../tensor/value.js';
import type { Body, ParameterSpec } from './family.js';
import type { ParameterReader } from './parameters.js';
import type { RawConfig } from './configReader.js';

/** The state that stands for a text: that of its first token, of its last, or the mean of all; padding never counts. */
export type Pooling = 'first' | 'last' | 'mean';

export interface TextBody extends Body {
  /** Every token sees those before it, or all tokens of its text. */
  readonly reads: 'leftToRight' | 'bothWays';
  readonly classifier: ClassifierHead;
}

/** From a pooled state to one logit a class, as the family's class in transformers does it. */
export interface ClassifierHead {
  /** That class. */
  readonly className: string;
  readonly pooling: Pooling;
  readonly parameters: (labels: number) => readonly ParameterSpec[];
  /** @param pooled_BC f32 [B, C]
   *  @returns f32 [B, labels] */
  readonly logits: (pooled_BC: Value, reader: ParameterReader) => Value;
}

/** An encoder family says of itself what a `ModelFamily` does, without a vocabulary head. */
export interface EncoderFamily {
  readonly classifiers: readonly string[];
  /** @throws ConfigError naming the field that is missing, wrong or not supported */
  readonly open: (raw: RawConfig, where: string) => TextBody;
}
