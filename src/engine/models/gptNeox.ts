/** GPT-NeoX and what has its shape (Pythia): LayerNorm, a quarter of each head's channels turn, one query/key/value
 *  matrix whose rows go head by head, attention and feed-forward layer side by side on the same input (or one after the
 *  other). Linear weights [out, in]. Source: transformers 5.23 `modeling_gpt_neox.py`, `configuration_gpt_neox.py`
 *  (defaults). Dropout is not applied. */
import { ConfigError } from '../../base/errors.js';
import { activationNamed, type Activation } from '../nn/activation.js';
import { attention, attentionContext, type KeyValues } from '../nn/attention.js';
import { embedTokens } from '../nn/embedding.js';
import { normal, ones, zeros } from '../nn/init.js';
import { rotatablePositions, rotatedChannels, type RopeSettings } from '../nn/rope.js';
import { parseRopeSettings } from '../nn/ropeSettings.js';
import { traceRope } from '../nn/ropeLookup.js';
import { multiplyDims } from '../tensor/dimension.js';
import { add, layerNorm, reshape, slice } from '../tensor/ops/all.js';
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

interface GptNeoxConfig extends ModelConfig {
  readonly inner: number;
  readonly epsilon: number;
  readonly activation: Activation;
  readonly rope: RopeSettings;
  readonly attentionBias: boolean;
  /** Attention and feed-forward layer read the same state. */
  readonly isParallel: boolean;
  readonly initialStd: number;
}

export const gptNeox: ModelFamily = {
  causalLanguageModels: ['GPTNeoXForCausalLM'],
  classifiers: ['GPTNeoXForSequenceClassification'],
  open: (raw, where) => {
    const config = parseConfig(raw, where);
    const body = bodyParameters(config);
    const { vocabularySize, width, tiedHead, initialStd } = config;
    const shape = [vocabularySize, width];
    return {
      family: 'gpt_neox',
      config,
      prefix: 'gpt_neox.',
      body,
      head: tiedHead
        ? { name: 'gpt_neox.embed_in.weight', shape, initial: normal(initialStd), roundable: true }
        : {
            name: 'embed_out.weight',
            otherName: 'lm_head.weight',
            shape,
            initial: normal(initialStd),
            roundable: true,
          },
      forward: (inputs) => forward(config, body, inputs),
    };
  },
};

function parseConfig(raw: RawConfig, where: string): GptNeoxConfig {
  const read = readConfig(raw, where);
  const width = read.size('hidden_size', 6144);
  const heads = read.size('num_attention_heads', 64);
  const headSize = width / heads;
  if (!Number.isInteger(headSize)) {
    throw new ConfigError('Heads do not divide the width', {
      where,
      expected: 'hidden_size to be a multiple of num_attention_heads',
      got: `${String(width)} and ${String(heads)}`,
    });
  }
  const rope = parseRopeSettings(raw, where, {
    thetaKey: 'rotary_emb_base',
    fraction: 0.25,
    fractionKey: 'rotary_pct',
  });
  const channels = rotatedChannels(rope, headSize);
  if (channels === 0 || channels % 2 !== 0) {
    throw new ConfigError('Channels do not turn in pairs', {
      where,
      expected: 'rotary_pct of a head to be an even number of channels',
      got: String(channels),
    });
  }
  return {
    modelType: 'gpt_neox',
    width,
    heads,
    kvHeads: heads,
    headSize,
    rope,
    layers: read.size('num_hidden_layers', 44, mostLayers),
    vocabularySize: read.size('vocab_size', 50432),
    contextLength: rotatablePositions(rope, read.size('max_position_embeddings', 2048, mostPositions)),
    tiedHead: read.flag('tie_word_embeddings', false),
    inner: read.size('intermediate_size', 24576),
    epsilon: read.quantity('layer_norm_eps', 1e-5),
    activation: activationNamed(read.text('hidden_act', 'gelu'), where),
    attentionBias: read.flag('attention_bias', true),
    isParallel: read.flag('use_parallel_residual', true),
    initialStd: read.quantity('initializer_range', 0.02),
    raw,
  };
}

function bodyParameters({
  layers,
  width,
  inner,
  vocabularySize,
  attentionBias,
  initialStd,
  tiedHead,
}: GptNeoxConfig): readonly ParameterSpec[] {
  const matrix = normal(initialStd);
  const norm = (name: string): readonly ParameterSpec[] => [
    { name: `${name}.weight`, shape: [width], initial: ones },
    { name: `${name}.bias`, shape: [width], initial: zeros },
  ];
  const linearMap = (
    name: string,
    from: number,
    to: number,
    { bias = true, roundable = false } = {},
  ): readonly ParameterSpec[] => [
    { name: `${name}.weight`, shape: [to, from], initial: matrix, roundable },
    ...(bias ? [{ name: `${name}.bias`, shape: [to], initial: zeros }] : []),
  ];
  const layer = (name: string, roundable: boolean): readonly ParameterSpec[] => [
    ...norm(`${name}.input_layernorm`),
    ...norm(`${name}.post_attention_layernorm`),
    ...linearMap(`${name}.attention.query_key_value`, width, 3 * width, { bias: attentionBias }),
    ...linearMap(`${name}.attention.dense`, width, width, { bias: attentionBias, roundable }),
    ...linearMap(`${name}.mlp.dense_h_to_4h`, width, inner, { roundable }),
    ...linearMap(`${name}.mlp.dense_4h_to_h`, inner, width, { roundable }),
  ];
  return [
    { name: 'gpt_neox.embed_in.weight', shape: [vocabularySize, width], initial: matrix, roundable: tiedHead },
    ...Array.from({ length: layers }, (_, i) =>
      layer(`gpt_neox.layers.${String(i)}`, isRoundableLayer(i, layers)),
    ).flat(),
    ...norm('gpt_neox.final_layer_norm'),
  ];
}

function forward(config: GptNeoxConfig, body: readonly ParameterSpec[], inputs: ForwardInputs): ForwardResult {
  const { heads, headSize, width, isParallel } = config;
  const { weight, linear } = parameterReader(inputs, body);
  const norm = (x_NC: Value, name: string): Value =>
    layerNorm(x_NC, weight(`${name}.weight`), weight(`${name}.bias`), config.epsilon);
  const project = (x_NI: Value, name: string): Value => linear(x_NI, name, 'outIn');
  const rope = traceRope(inputs.positions_BT, { settings: config.rope, headSize, positions: config.contextLength });
  const context = attentionContext(inputs.positions_BT, inputs.attention, rope);
  const scale = 1 / Math.sqrt(headSize);
  const present: KeyValues[] = [];

  let x_NC = embedTokens(weight('gpt_neox.embed_in.weight'), inputs.ids_BT, inputs.soft_SC);
  const layerInputs: Value[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    layerInputs.push(x_NC);
    const name = `gpt_neox.layers.${String(layer)}`;
    const packed = project(norm(x_NC, `${name}.input_layernorm`), `${name}.attention.query_key_value`);
    const [rows = 0] = packed.shape;
    const byHead = reshape(packed, [multiplyDims(rows, heads), 3 * headSize]);
    const part = (index: number): Value =>
      reshape(slice(byHead, 1, index * headSize, (index + 1) * headSize), [rows, width]);
    const attended = attention(
      { q_NC: part(0), k_NE: part(1), v_NE: part(2) },
      { heads, kvHeads: heads, headSize, scale, layer },
      context,
    );
    if (attended.present !== null) present.push(attended.present);
    const afterAttention_NC = add(x_NC, project(attended.out_NC, `${name}.attention.dense`));
    const y_NC = norm(isParallel ? x_NC : afterAttention_NC, `${name}.post_attention_layernorm`);
    const inner_NI = config.activation(project(y_NC, `${name}.mlp.dense_h_to_4h`));
    x_NC = add(afterAttention_NC, project(inner_NI, `${name}.mlp.dense_4h_to_h`));
  }
  return { hidden_NC: norm(x_NC, 'gpt_neox.final_layer_norm'), layerInputs, present };
}
