/** Encoders of BERT's kind share this: embeddings summed under one norm; then, layer by layer, attention in both
 *  directions and a feed-forward part, each added to its input and normalised after the sum. Source: transformers 5.23
 *  `modeling_bert.py`, `modeling_distilbert.py`. Dropout is not applied. Every token has type 0. */
import { ConfigError } from '../../base/errors.js';
import type { Activation } from '../nn/activation.js';
import { attention, attentionContext } from '../nn/attention.js';
import { embed, embedTokens } from '../nn/embedding.js';
import { normal, ones, zeros } from '../nn/init.js';
import { add, layerNorm, slice } from '../tensor/ops/all.js';
import type { Value } from '../tensor/value.js';
import { readConfig, type RawConfig } from './configReader.js';
import type { ForwardInputs, ForwardResult, ModelConfig, ParameterSpec } from './family.js';
import { parameterReader } from './parameters.js';

export interface EncoderConfig extends ModelConfig {
  readonly inner: number;
  readonly epsilon: number;
  readonly activation: Activation;
  readonly initialStd: number;
  /** Rows of the table of token types; 0 for a family without one. */
  readonly tokenTypes: number;
  /** Row of the position table that the first token of a text takes. */
  readonly firstPosition: number;
}

/** Parameter names, without '.weight' and '.bias'. */
export interface EncoderNames {
  /** Holds word_embeddings, position_embeddings, token_type_embeddings and LayerNorm. */
  readonly embeddings: string;
  readonly layer: (index: number) => EncoderLayerNames;
}

export interface EncoderLayerNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly attended: string;
  readonly attendedNorm: string;
  readonly inner: string;
  readonly outer: string;
  readonly outerNorm: string;
}

/** An affine map [out, in] and its bias. */
export function affine(name: string, from: number, to: number, std: number): readonly ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [to, from], initial: normal(std) },
    { name: `${name}.bias`, shape: [to], initial: zeros },
  ];
}

/** @throws ConfigError unless the heads divide the width */
export function encoderHeads(
  width: number,
  heads: number,
  where: string,
): { readonly heads: number; readonly kvHeads: number; readonly headSize: number } {
  if (width % heads !== 0) {
    throw new ConfigError('Heads do not divide the width', {
      where,
      expected: 'a width that is a multiple of the heads',
      got: `${String(width)} and ${String(heads)}`,
    });
  }
  return { heads, kvHeads: heads, headSize: width / heads };
}

/** @throws ConfigError for a configuration that is no plain encoder's */
export function requirePlainEncoder(raw: RawConfig, where: string): void {
  const read = readConfig(raw, where);
  for (const key of ['is_decoder', 'add_cross_attention'] as const) {
    if (read.flag(key, false))
      throw new ConfigError('An encoder made into a decoder is not supported', { where, expected: `${key} false` });
  }
  const positions = read.text('position_embedding_type', 'absolute');
  if (positions !== 'absolute') {
    throw new ConfigError('This kind of position is not supported', {
      where: `${where}: position_embedding_type`,
      expected: 'absolute',
      got: positions,
    });
  }
}

export function encoderParameters(config: EncoderConfig, names: EncoderNames): readonly ParameterSpec[] {
  const { width, inner, initialStd, contextLength, firstPosition, tokenTypes } = config;
  const table = (name: string, rows: number): ParameterSpec => ({
    name: `${names.embeddings}.${name}.weight`,
    shape: [rows, width],
    initial: normal(initialStd),
  });
  const norm = (name: string): readonly ParameterSpec[] => [
    { name: `${name}.weight`, shape: [width], initial: ones },
    { name: `${name}.bias`, shape: [width], initial: zeros },
  ];
  return [
    table('word_embeddings', config.vocabularySize),
    table('position_embeddings', contextLength + firstPosition),
    ...(tokenTypes === 0 ? [] : [table('token_type_embeddings', tokenTypes)]),
    ...norm(`${names.embeddings}.LayerNorm`),
    ...Array.from({ length: config.layers }, (_, i) => names.layer(i)).flatMap((layer) => [
      ...[layer.query, layer.key, layer.value, layer.attended].flatMap((name) =>
        affine(name, width, width, initialStd),
      ),
      ...norm(layer.attendedNorm),
      ...affine(layer.inner, width, inner, initialStd),
      ...affine(layer.outer, inner, width, initialStd),
      ...norm(layer.outerNorm),
    ]),
  ];
}

export function encoderForward(
  config: EncoderConfig,
  names: EncoderNames,
  body: readonly ParameterSpec[],
  inputs: ForwardInputs,
): ForwardResult {
  const { weight, linear } = parameterReader(inputs, body);
  const norm = (x_NC: Value, name: string): Value =>
    layerNorm(x_NC, weight(`${name}.weight`), weight(`${name}.bias`), config.epsilon);
  const project = (x_NI: Value, name: string): Value => linear(x_NI, name, 'outIn');
  const context = attentionContext(inputs.positions_BT, inputs.attention, null);
  const scale = 1 / Math.sqrt(config.headSize);
  const table = (name: string): Value => weight(`${names.embeddings}.${name}.weight`);

  const words_NC = embedTokens(table('word_embeddings'), inputs.ids_BT, inputs.soft_SC);
  const places_NC = embed(slice(table('position_embeddings'), 0, config.firstPosition), inputs.positions_BT);
  const placed_NC = add(words_NC, places_NC);
  const sum_NC = config.tokenTypes === 0 ? placed_NC : add(placed_NC, slice(table('token_type_embeddings'), 0, 0, 1));
  let x_NC = norm(sum_NC, `${names.embeddings}.LayerNorm`);
  const layerInputs: Value[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    layerInputs.push(x_NC);
    const { query, key, value, attended, attendedNorm, inner, outer, outerNorm } = names.layer(layer);
    const parts = { q_NC: project(x_NC, query), k_NE: project(x_NC, key), v_NE: project(x_NC, value) };
    const { out_NC } = attention(parts, { ...config, scale, layer }, context);
    const y_NC = norm(add(x_NC, project(out_NC, attended)), attendedNorm);
    x_NC = norm(add(y_NC, project(config.activation(project(y_NC, inner)), outer)), outerNorm);
  }
  return { hidden_NC: x_NC, layerInputs, present: [] };
}
