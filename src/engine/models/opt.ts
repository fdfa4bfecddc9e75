/** OPT: learned positions whose table begins with two rows that no token has, LayerNorm before each sub-layer (after it
 *  in OPT-350m), and where embeddings are narrower than the states (350m), a matrix on the way in and one on the way
 *  out. Linear weights [out, in]. Source: transformers 5.23 `modeling_opt.py`, `configuration_opt.py` (defaults).
 *  Dropout is not applied. */
import { ConfigError } from '../../base/errors.js';
import { activationNamed, type Activation } from '../nn/activation.js';
import { attention, attentionContext, type KeyValues } from '../nn/attention.js';
import { embed, embedTokens } from '../nn/embedding.js';
import { normal, ones, zeros } from '../nn/init.js';
import { add, layerNorm } from '../tensor/ops/all.js';
import type { Value } from '../tensor/value.js';
import { mostLayers, mostPositions, readConfig, type RawConfig } from './configReader.js';
import {
  isRoundableLayer,
  type ForwardInputs,
  type ForwardResult,
  type ModelConfig,
  type ModelFamily,
  type ParameterSpec,
} from './family.js';
import { parameterReader } from './parameters.js';

/** `width` is that of embeddings and of what the body gives. */
interface OptConfig extends ModelConfig {
  /** Channels of the states between the layers. */
  readonly stateWidth: number;
  readonly inner: number;
  readonly activation: Activation;
  readonly bias: boolean;
  readonly normsBefore: boolean;
  readonly normsLast: boolean;
  readonly initialStd: number;
}

/** Rows of the position table before that of the first token. */
const positionOffset = 2;
/** torch's LayerNorm; config.json does not name it. */
const epsilon = 1e-5;

export const opt: ModelFamily = {
  causalLanguageModels: ['OPTForCausalLM'],
  classifiers: ['OPTForSequenceClassification'],
  open: (raw, where) => {
    const config = parseConfig(raw, where);
    const body = bodyParameters(config);
    const { vocabularySize, width, tiedHead, initialStd } = config;
    const headName = tiedHead ? 'model.decoder.embed_tokens.weight' : 'lm_head.weight';
    return {
      family: 'opt',
      config,
      prefix: 'model.',
      body,
      head: { name: headName, shape: [vocabularySize, width], initial: normal(initialStd), roundable: true },
      forward: (inputs) => forward(config, body, inputs),
    };
  },
};

function parseConfig(raw: RawConfig, where: string): OptConfig {
  const read = readConfig(raw, where);
  const stateWidth = read.size('hidden_size', 768);
  const heads = read.size('num_attention_heads', 12);
  if (stateWidth % heads !== 0) {
    throw new ConfigError('Heads do not divide the width', {
      where,
      expected: 'hidden_size to be a multiple of num_attention_heads',
      got: `${String(stateWidth)} and ${String(heads)}`,
    });
  }
  if (!read.flag('layer_norm_elementwise_affine', true)) {
    throw new ConfigError('LayerNorm without gain and bias is not supported', {
      where,
      expected: 'layer_norm_elementwise_affine true',
      got: 'false',
    });
  }
  const normsBefore = read.flag('do_layer_norm_before', true);
  return {
    modelType: 'opt',
    stateWidth,
    heads,
    kvHeads: heads,
    headSize: stateWidth / heads,
    normsBefore,
    width: read.optionalSize('word_embed_proj_dim') ?? stateWidth,
    layers: read.size('num_hidden_layers', 12, mostLayers),
    vocabularySize: read.size('vocab_size', 50272),
    contextLength: read.size('max_position_embeddings', 2048, mostPositions),
    tiedHead: read.flag('tie_word_embeddings', true),
    inner: read.size('ffn_dim', 3072),
    activation: activationNamed(read.text('activation_function', 'relu'), where),
    bias: read.flag('enable_bias', true),
    normsLast: normsBefore && !read.flag('_remove_final_layer_norm', false),
    initialStd: read.quantity('init_std', 0.02),
    raw,
  };
}

function bodyParameters(config: OptConfig): readonly ParameterSpec[] {
  const { layers, width, stateWidth, inner, vocabularySize, contextLength } = config;
  const matrix = normal(config.initialStd);
  const norm = (name: string): readonly ParameterSpec[] => [
    { name: `${name}.weight`, shape: [stateWidth], initial: ones },
    { name: `${name}.bias`, shape: [stateWidth], initial: zeros },
  ];
  const linearMap = (
    name: string,
    from: number,
    to: number,
    { bias = config.bias, roundable = false } = {},
  ): readonly ParameterSpec[] => [
    { name: `${name}.weight`, shape: [to, from], initial: matrix, roundable },
    ...(bias ? [{ name: `${name}.bias`, shape: [to], initial: zeros }] : []),
  ];
  const layer = (name: string, roundable: boolean): readonly ParameterSpec[] => [
    ...['k_proj', 'v_proj', 'q_proj'].flatMap((part) => linearMap(`${name}.self_attn.${part}`, stateWidth, stateWidth)),
    ...linearMap(`${name}.self_attn.out_proj`, stateWidth, stateWidth, { roundable }),
    ...norm(`${name}.self_attn_layer_norm`),
    ...linearMap(`${name}.fc1`, stateWidth, inner, { roundable }),
    ...linearMap(`${name}.fc2`, inner, stateWidth, { roundable }),
    ...norm(`${name}.final_layer_norm`),
  ];
  return [
    {
      name: 'model.decoder.embed_tokens.weight',
      shape: [vocabularySize, width],
      initial: matrix,
      roundable: config.tiedHead,
    },
    {
      name: 'model.decoder.embed_positions.weight',
      shape: [contextLength + positionOffset, stateWidth],
      initial: matrix,
    },
    ...(width === stateWidth
      ? []
      : [
          ...linearMap('model.decoder.project_out', stateWidth, width, { bias: false }),
          ...linearMap('model.decoder.project_in', width, stateWidth, { bias: false }),
        ]),
    ...(config.normsLast ? norm('model.decoder.final_layer_norm') : []),
    ...Array.from({ length: layers }, (_, i) =>
      layer(`model.decoder.layers.${String(i)}`, isRoundableLayer(i, layers)),
    ).flat(),
  ];
}

function forward(config: OptConfig, body: readonly ParameterSpec[], inputs: ForwardInputs): ForwardResult {
  const { heads, headSize, normsBefore } = config;
  const { weight, linear } = parameterReader(inputs, body);
  const norm = (x_NC: Value, name: string): Value =>
    layerNorm(x_NC, weight(`${name}.weight`), weight(`${name}.bias`), epsilon);
  const project = (x_NI: Value, name: string): Value => linear(x_NI, name, 'outIn');
  const throughProjection = (x_NI: Value, name: string): Value =>
    config.width === config.stateWidth ? x_NI : project(x_NI, `model.decoder.${name}`);
  const context = attentionContext(inputs.positions_BT, inputs.attention, null);
  const scale = 1 / Math.sqrt(headSize);
  const present: KeyValues[] = [];

  const embedded_NC = throughProjection(
    embedTokens(weight('model.decoder.embed_tokens.weight'), inputs.ids_BT, inputs.soft_SC),
    'project_in',
  );
  let x_NC = add(
    embedded_NC,
    embed(weight('model.decoder.embed_positions.weight'), add(inputs.positions_BT, positionOffset)),
  );
  const layerInputs: Value[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    layerInputs.push(x_NC);
    const name = `model.decoder.layers.${String(layer)}`;
    /** A sub-layer on the residual stream, with its norm before it or after the sum. */
    const withResidual = (normName: string, sublayer: (y_NC: Value) => Value): Value =>
      normsBefore ? add(x_NC, sublayer(norm(x_NC, normName))) : norm(add(x_NC, sublayer(x_NC)), normName);
    x_NC = withResidual(`${name}.self_attn_layer_norm`, (y_NC) => {
      const part = (which: 'q' | 'k' | 'v'): Value => project(y_NC, `${name}.self_attn.${which}_proj`);
      const attended = attention(
        { q_NC: part('q'), k_NE: part('k'), v_NE: part('v') },
        { heads, kvHeads: heads, headSize, scale, layer },
        context,
      );
      if (attended.present !== null) present.push(attended.present);
      return project(attended.out_NC, `${name}.self_attn.out_proj`);
    });
    x_NC = withResidual(`${name}.final_layer_norm`, (y_NC) =>
      project(config.activation(project(y_NC, `${name}.fc1`)), `${name}.fc2`),
    );
  }
  const last_NC = config.normsLast ? norm(x_NC, 'model.decoder.final_layer_norm') : x_NC;
  return { hidden_NC: throughProjection(last_NC, 'project_out'), layerInputs, present };
}
