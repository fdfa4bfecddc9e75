/** GPT-2: learned positions, LayerNorm before each sub-layer, one packed query/key/value matrix, Conv1D weights [in,
 *  out]. Source: transformers 5.23 `modeling_gpt2.py`, `configuration_gpt2.py` (defaults). Dropout is not applied. */
import { ConfigError } from '../../base/errors.js';
import { activationNamed, type Activation } from '../nn/activation.js';
import { attention, attentionContext, type KeyValues } from '../nn/attention.js';
import { embed, embedTokens } from '../nn/embedding.js';
import { normal, ones, zeros } from '../nn/init.js';
import { add, layerNorm, slice } from '../tensor/ops/all.js';
import type { Value } from '../tensor/value.js';
import { mostLayers, readConfig, type RawConfig } from './configReader.js';
import {
  isRoundableLayer,
  type Architecture,
  type ForwardInputs,
  type ForwardResult,
  type ModelConfig,
  type ModelFamily,
  type ParameterSpec,
} from './family.js';
import { parameterReader } from './parameters.js';

interface Gpt2Config extends ModelConfig {
  readonly inner: number;
  readonly epsilon: number;
  readonly activation: Activation;
  readonly scaleAttention: boolean;
  readonly scaleByLayer: boolean;
  readonly initialStd: number;
}

export const gpt2: ModelFamily = {
  causalLanguageModels: ['GPT2LMHeadModel'],
  classifiers: ['GPT2ForSequenceClassification'],
  open: (raw, where) => {
    const config = parseConfig(raw, where);
    const body = bodyParameters(config);
    const { vocabularySize, width, tiedHead, initialStd } = config;
    const headName = tiedHead ? 'transformer.wte.weight' : 'lm_head.weight';
    const architecture: Architecture = {
      family: 'gpt2',
      config,
      prefix: 'transformer.',
      body,
      head: { name: headName, shape: [vocabularySize, width], initial: normal(initialStd), roundable: true },
      forward: (inputs) => forward(config, body, inputs),
    };
    return architecture;
  },
};

function parseConfig(raw: RawConfig, where: string): Gpt2Config {
  const read = readConfig(raw, where);
  const width = read.size('n_embd', 768);
  const heads = read.size('n_head', 12);
  if (width % heads !== 0) {
    throw new ConfigError('Heads do not divide the width', {
      where,
      expected: 'n_embd to be a multiple of n_head',
      got: `${String(width)} and ${String(heads)}`,
    });
  }
  if (read.flag('add_cross_attention', false)) {
    throw new ConfigError('Cross-attention is not supported', { where, expected: 'add_cross_attention false' });
  }
  return {
    modelType: 'gpt2',
    width,
    heads,
    kvHeads: heads,
    headSize: width / heads,
    layers: read.size('n_layer', 12, mostLayers),
    vocabularySize: read.size('vocab_size', 50257),
    contextLength: read.size('n_positions', read.optionalSize('n_ctx') ?? 1024),
    tiedHead: read.flag('tie_word_embeddings', true),
    inner: read.optionalSize('n_inner') ?? 4 * width,
    epsilon: read.quantity('layer_norm_epsilon', 1e-5),
    activation: activationNamed(read.text('activation_function', 'gelu_new'), where),
    scaleAttention: read.flag('scale_attn_weights', true),
    scaleByLayer: read.flag('scale_attn_by_inverse_layer_idx', false),
    initialStd: read.quantity('initializer_range', 0.02),
    raw,
  };
}

function bodyParameters({
  layers,
  width,
  inner,
  vocabularySize,
  contextLength,
  initialStd,
  tiedHead,
}: Gpt2Config): readonly ParameterSpec[] {
  const matrix = normal(initialStd);
  // The GPT-2 paper scales what is added to the residual stream by its number of additions.
  const residual = normal(initialStd / Math.sqrt(2 * layers));
  const norm = (name: string): readonly ParameterSpec[] => [
    { name: `${name}.weight`, shape: [width], initial: ones },
    { name: `${name}.bias`, shape: [width], initial: zeros },
  ];
  const conv = (
    name: string,
    from: number,
    to: number,
    { initial = matrix, roundable = false } = {},
  ): readonly ParameterSpec[] => [
    { name: `${name}.weight`, shape: [from, to], initial, roundable },
    { name: `${name}.bias`, shape: [to], initial: zeros },
  ];
  return [
    { name: 'transformer.wte.weight', shape: [vocabularySize, width], initial: matrix, roundable: tiedHead },
    { name: 'transformer.wpe.weight', shape: [contextLength, width], initial: matrix },
    ...Array.from({ length: layers }, (_, i) => ({
      layer: `transformer.h.${String(i)}`,
      roundable: isRoundableLayer(i, layers),
    })).flatMap(({ layer, roundable }) => [
      ...norm(`${layer}.ln_1`),
      ...conv(`${layer}.attn.c_attn`, width, 3 * width),
      ...conv(`${layer}.attn.c_proj`, width, width, { initial: residual, roundable }),
      ...norm(`${layer}.ln_2`),
      ...conv(`${layer}.mlp.c_fc`, width, inner, { roundable }),
      ...conv(`${layer}.mlp.c_proj`, inner, width, { initial: residual, roundable }),
    ]),
    ...norm('transformer.ln_f'),
  ];
}

function forward(config: Gpt2Config, body: readonly ParameterSpec[], inputs: ForwardInputs): ForwardResult {
  const { weight, linear } = parameterReader(inputs, body);
  const norm = (x_NC: Value, name: string): Value =>
    layerNorm(x_NC, weight(`${name}.weight`), weight(`${name}.bias`), config.epsilon);
  const conv = (x_NI: Value, name: string): Value => linear(x_NI, name, 'inOut');
  const context = attentionContext(inputs.positions_BT, inputs.attention, null);
  const { width, headSize, scaleAttention, scaleByLayer } = config;
  const present: KeyValues[] = [];

  let x_NC = add(
    embedTokens(weight('transformer.wte.weight'), inputs.ids_BT, inputs.soft_SC),
    embed(weight('transformer.wpe.weight'), inputs.positions_BT),
  );
  const layerInputs: Value[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    layerInputs.push(x_NC);
    const name = `transformer.h.${String(layer)}`;
    const packed = conv(norm(x_NC, `${name}.ln_1`), `${name}.attn.c_attn`);
    const part = (index: number): Value => slice(packed, 1, index * width, (index + 1) * width);
    const scale = (scaleAttention ? 1 / Math.sqrt(headSize) : 1) / (scaleByLayer ? layer + 1 : 1);
    const attended = attention({ q_NC: part(0), k_NE: part(1), v_NE: part(2) }, { ...config, scale, layer }, context);
    if (attended.present !== null) present.push(attended.present);
    x_NC = add(x_NC, conv(attended.out_NC, `${name}.attn.c_proj`));
    const inner_NI = config.activation(conv(norm(x_NC, `${name}.ln_2`), `${name}.mlp.c_fc`));
    x_NC = add(x_NC, conv(inner_NI, `${name}.mlp.c_proj`));
  }
  return { hidden_NC: norm(x_NC, 'transformer.ln_f'), layerInputs, present };
}
