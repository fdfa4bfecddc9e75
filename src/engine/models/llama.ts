/** Llama and what has its shape (SmolLM2, TinyLlama, …): rotary positions, RMSNorm before each sub-layer, grouped key/value heads,
 *  a gated feed-forward layer. Linear weights [out, in].
 *  Source: transformers 5.23 `modeling_llama.py`, `configuration_llama.py` (defaults). Dropout is not applied. */
import { ConfigError } from '../../base/errors.js';
import { activationNamed, type Activation } from '../nn/activation.js';
import { attention, attentionContext, type KeyValues } from '../nn/attention.js';
import { embed } from '../nn/embedding.js';
import { normal, ones, zeros } from '../nn/init.js';
import { parseRopeSettings, type RopeSettings } from '../nn/rope.js';
import { traceRope } from '../nn/ropeLookup.js';
import { add, mul, rmsNorm } from '../tensor/ops/all.js';
import type { Value } from '../tensor/value.js';
import { mostLayers, mostPositions, readConfig, type RawConfig } from './configReader.js';
import { isRoundableLayer, type ForwardInputs, type ForwardResult, type ModelConfig, type ModelFamily, type ParameterSpec } from './family.js';
import { parameterReader } from './parameters.js';

interface LlamaConfig extends ModelConfig {
  readonly inner: number;
  readonly epsilon: number;
  readonly activation: Activation;
  readonly rope: RopeSettings;
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
  readonly initialStd: number;
}

export const llama: ModelFamily = {
  causalLanguageModels: ['LlamaForCausalLM'],
  classifiers: ['LlamaForSequenceClassification'],
  open: (raw, where) => {
    const config = parseConfig(raw, where);
    const body = bodyParameters(config);
    const { vocabularySize, width, tiedHead, initialStd } = config;
    const headName = tiedHead ? 'model.embed_tokens.weight' : 'lm_head.weight';
    return {
      family: 'llama', config, prefix: 'model.', body,
      head: { name: headName, shape: [vocabularySize, width], initial: normal(initialStd), roundable: true },
      forward: (inputs) => forward(config, body, inputs),
    };
  },
};

function parseConfig(raw: RawConfig, where: string): LlamaConfig {
  const read = readConfig(raw, where);
  const width = read.size('hidden_size', 4096);
  const heads = read.size('num_attention_heads', 32);
  const kvHeads = read.size('num_key_value_heads', heads);
  const headSize = read.size('head_dim', width / heads);
  const fail = (summary: string, expected: string, got: readonly number[]): never => {
    throw new ConfigError(summary, { where, expected, got: got.join(' and ') });
  };
  if (!Number.isInteger(headSize) || headSize % 2 !== 0) fail('Heads do not divide the width', 'an even head size', [width, heads]);
  if (heads % kvHeads !== 0) fail('Heads cannot be grouped', 'num_attention_heads to be a multiple of num_key_value_heads', [heads, kvHeads]);
  return {
    modelType: 'llama', width, heads, kvHeads, headSize,
    layers: read.size('num_hidden_layers', 32, mostLayers),
    vocabularySize: read.size('vocab_size', 32000),
    contextLength: read.size('max_position_embeddings', 2048, mostPositions),
    tiedHead: read.flag('tie_word_embeddings', false),
    inner: read.size('intermediate_size', 11008),
    epsilon: read.quantity('rms_norm_eps', 1e-6),
    activation: activationNamed(read.text('hidden_act', 'silu'), where),
    rope: parseRopeSettings(raw, where),
    attentionBias: read.flag('attention_bias', false),
    mlpBias: read.flag('mlp_bias', false),
    initialStd: read.quantity('initializer_range', 0.02),
    raw,
  };
}

function bodyParameters(config: LlamaConfig): readonly ParameterSpec[] {
  const { width, inner, headSize, attentionBias, mlpBias } = config;
  const matrix = normal(config.initialStd);
  const linearMap = (name: string, from: number, to: number, bias: boolean, roundable = false): readonly ParameterSpec[] => [
    { name: `${name}.weight`, shape: [to, from], initial: matrix, roundable },
    ...(bias ? [{ name: `${name}.bias`, shape: [to], initial: zeros }] : []),
  ];
  const norm = (name: string): ParameterSpec => ({ name: `${name}.weight`, shape: [width], initial: ones });
  const queryWidth = config.heads * headSize;
  const keyWidth = config.kvHeads * headSize;
  return [
    { name: 'model.embed_tokens.weight', shape: [config.vocabularySize, width], initial: matrix, roundable: config.tiedHead },
    ...Array.from({ length: config.layers }, (_, i) => ({ layer: `model.layers.${String(i)}`, rounds: isRoundableLayer(i, config.layers) })).flatMap(({ layer, rounds }) => [
      ...linearMap(`${layer}.self_attn.q_proj`, width, queryWidth, attentionBias),
      ...linearMap(`${layer}.self_attn.k_proj`, width, keyWidth, attentionBias),
      ...linearMap(`${layer}.self_attn.v_proj`, width, keyWidth, attentionBias),
      ...linearMap(`${layer}.self_attn.o_proj`, queryWidth, width, attentionBias, rounds),
      ...linearMap(`${layer}.mlp.gate_proj`, width, inner, mlpBias, rounds),
      ...linearMap(`${layer}.mlp.up_proj`, width, inner, mlpBias, rounds),
      ...linearMap(`${layer}.mlp.down_proj`, inner, width, mlpBias, rounds),
      norm(`${layer}.input_layernorm`),
      norm(`${layer}.post_attention_layernorm`),
    ]),
    norm('model.norm'),
  ];
}

function forward(config: LlamaConfig, body: readonly ParameterSpec[], inputs: ForwardInputs): ForwardResult {
  const { headSize } = config;
  const { weight, linear } = parameterReader(inputs, body);
  const norm = (x_NC: Value, name: string): Value => rmsNorm(x_NC, weight(`${name}.weight`), config.epsilon);
  const project = (x_NI: Value, name: string): Value => linear(x_NI, name, 'outIn');
  const rope = traceRope(inputs.positions_BT, { settings: config.rope, headSize, positions: config.contextLength });
  const context = attentionContext(inputs.positions_BT, inputs.attention, rope);
  const scale = 1 / Math.sqrt(headSize);
  const present: KeyValues[] = [];

  let x_NC = embed(weight('model.embed_tokens.weight'), inputs.ids_BT);
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `model.layers.${String(layer)}`;
    const normed_NC = norm(x_NC, `${name}.input_layernorm`);
    const part = (which: 'q' | 'k' | 'v'): Value => project(normed_NC, `${name}.self_attn.${which}_proj`);
    const attended = attention({ q_NC: part('q'), k_NE: part('k'), v_NE: part('v') }, { ...config, scale, layer }, context);
    if (attended.present !== null) present.push(attended.present);
    x_NC = add(x_NC, project(attended.out_NC, `${name}.self_attn.o_proj`));
    const y_NC = norm(x_NC, `${name}.post_attention_layernorm`);
    const gate_NI = config.activation(project(y_NC, `${name}.mlp.gate_proj`));
    x_NC = add(x_NC, project(mul(gate_NI, project(y_NC, `${name}.mlp.up_proj`)), `${name}.mlp.down_proj`));
  }
  return { hidden_NC: norm(x_NC, 'model.norm'), present };
}
