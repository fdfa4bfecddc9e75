/** Decoders of Llama's shape: rotary positions, RMSNorm before each sub-layer, grouped key/value heads, a gated
 *  feed-forward layer. Linear weights [out, in]. What families differ in is their configuration; a family's file reads
 *  its config.json into one of these.
 *
 *  Owns their parameters (names and layouts of transformers) and their forward pass. Dropout is not applied. Source:
 *  transformers 5.23 `modeling_llama.py` and the families' own files. */
import type { Activation } from '../nn/activation.js';
import { attention, attentionContext, type KeyValues } from '../nn/attention.js';
import { embedTokens } from '../nn/embedding.js';
import { normal, ones, zeros } from '../nn/init.js';
import type { RopeSettings } from '../nn/rope.js';
import { traceRope } from '../nn/ropeLookup.js';
import { multiplyDims } from '../tensor/dimension.js';
import { add, mul, reshape, rmsNorm, slice } from '../tensor/ops/all.js';
import type { Value } from '../tensor/value.js';
import type { RawConfig } from './configReader.js';
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

export interface GatedDecoderConfig extends ModelConfig {
  /** Channels inside the feed-forward layer. */
  readonly inner: number;
  readonly epsilon: number;
  readonly activation: Activation;
  readonly initialStd: number;
  /** Factor of q·k. */
  readonly scoreScale: number;
  /** Scores s become cap · tanh(s / cap); 0: they do not. */
  readonly scoreSoftcap: number;
  /** Which linear maps add a bias: queries, keys and values; the attention's output; the feed-forward layer. */
  readonly biases: { readonly qkv: boolean; readonly output: boolean; readonly mlp: boolean };
  /** Queries, keys and values are one matrix, in this order, and so are gate and up. */
  readonly isFused: boolean;
  /** Queries and keys are normed, each head by itself, before they turn. */
  readonly normsHeads: boolean;
  /** A sub-layer's output is normed before it is added to the residual stream. */
  readonly normsOutputs: boolean;
  /** Added to every gain: 1 where checkpoints hold what a gain has beyond 1. */
  readonly gainOffset: 0 | 1;
  /** Factor of the embeddings. */
  readonly embeddingScale: number;
  /** The rotations that layers choose from. */
  readonly ropes: readonly RopeSettings[];
  /** By layer. */
  readonly layerKinds: readonly LayerKind[];
}

export interface LayerKind {
  /** Index into `ropes`; null: positions do not enter. */
  readonly rope: number | null;
  /** Tokens that a token sees, itself included; null: all before it. */
  readonly window: number | null;
}

/** The table entry of a family of this shape.
 *  @param classPrefix what its class names begin with: 'Llama' of LlamaForCausalLM
 *  @param parse reads config.json with the defaults of its configuration class */
export function gatedDecoderFamily(
  modelType: string,
  classPrefix: string,
  parse: (raw: RawConfig, where: string) => GatedDecoderConfig,
  { classifierPrefix = classPrefix }: { readonly classifierPrefix?: string } = {},
): ModelFamily {
  return {
    causalLanguageModels: [`${classPrefix}ForCausalLM`],
    classifiers: [`${classifierPrefix}ForSequenceClassification`],
    open: (raw, where): Architecture => {
      const config = parse(raw, where);
      const body = bodyParameters(config);
      const { vocabularySize, width, tiedHead, initialStd } = config;
      const headName = tiedHead ? 'model.embed_tokens.weight' : 'lm_head.weight';
      return {
        family: modelType,
        config,
        prefix: 'model.',
        body,
        head: { name: headName, shape: [vocabularySize, width], initial: normal(initialStd), roundable: true },
        forward: (inputs) => forward(config, body, inputs),
      };
    },
  };
}

function bodyParameters(config: GatedDecoderConfig): readonly ParameterSpec[] {
  const { width, inner, heads, kvHeads, headSize, layers, biases, isFused, normsHeads, normsOutputs } = config;
  const matrix = normal(config.initialStd);
  const linearMap = (
    name: string,
    from: number,
    to: number,
    bias: boolean,
    roundable = false,
  ): readonly ParameterSpec[] => [
    { name: `${name}.weight`, shape: [to, from], initial: matrix, roundable },
    ...(bias ? [{ name: `${name}.bias`, shape: [to], initial: zeros }] : []),
  ];
  const norm = (name: string, channels = width): ParameterSpec => ({
    name: `${name}.weight`,
    shape: [channels],
    initial: config.gainOffset === 0 ? ones : zeros,
  });
  const [queries, keys] = [heads * headSize, kvHeads * headSize];
  const layer = (name: string, rounds: boolean): readonly ParameterSpec[] => {
    const [attend, mlp] = [`${name}.self_attn`, `${name}.mlp`];
    return [
      ...(isFused
        ? linearMap(`${attend}.qkv_proj`, width, queries + 2 * keys, biases.qkv)
        : [
            ...linearMap(`${attend}.q_proj`, width, queries, biases.qkv),
            ...linearMap(`${attend}.k_proj`, width, keys, biases.qkv),
            ...linearMap(`${attend}.v_proj`, width, keys, biases.qkv),
          ]),
      ...linearMap(`${attend}.o_proj`, queries, width, biases.output, rounds),
      ...(normsHeads ? [norm(`${attend}.q_norm`, headSize), norm(`${attend}.k_norm`, headSize)] : []),
      ...(isFused
        ? linearMap(`${mlp}.gate_up_proj`, width, 2 * inner, biases.mlp, rounds)
        : [
            ...linearMap(`${mlp}.gate_proj`, width, inner, biases.mlp, rounds),
            ...linearMap(`${mlp}.up_proj`, width, inner, biases.mlp, rounds),
          ]),
      ...linearMap(`${mlp}.down_proj`, inner, width, biases.mlp, rounds),
      norm(`${name}.input_layernorm`),
      norm(`${name}.post_attention_layernorm`),
      ...(normsOutputs ? [norm(`${name}.pre_feedforward_layernorm`), norm(`${name}.post_feedforward_layernorm`)] : []),
    ];
  };
  return [
    {
      name: 'model.embed_tokens.weight',
      shape: [config.vocabularySize, width],
      initial: matrix,
      roundable: config.tiedHead,
    },
    ...Array.from({ length: layers }, (_, i) => layer(`model.layers.${String(i)}`, isRoundableLayer(i, layers))).flat(),
    norm('model.norm'),
  ];
}

function forward(config: GatedDecoderConfig, body: readonly ParameterSpec[], inputs: ForwardInputs): ForwardResult {
  const { heads, kvHeads, headSize, normsOutputs, embeddingScale } = config;
  const { weight, linear } = parameterReader(inputs, body);
  const gain = (name: string): Value =>
    config.gainOffset === 0 ? weight(`${name}.weight`) : add(weight(`${name}.weight`), config.gainOffset);
  const norm = (x_NC: Value, name: string): Value => rmsNorm(x_NC, gain(name), config.epsilon);
  const normHeads = (x_NE: Value, count: number, name: string): Value => {
    if (!config.normsHeads) return x_NE;
    return reshape(norm(reshape(x_NE, [multiplyDims(...x_NE.shape.slice(0, 1), count), headSize]), name), x_NE.shape);
  };
  const project = (x_NI: Value, name: string): Value => linear(x_NI, name, 'outIn');
  const ropes = config.ropes.map((settings) =>
    traceRope(inputs.positions_BT, { settings, headSize, positions: config.contextLength }),
  );
  const context = attentionContext(inputs.positions_BT, inputs.attention, null);
  const present: KeyValues[] = [];

  const embedded_NC = embedTokens(weight('model.embed_tokens.weight'), inputs.ids_BT, inputs.soft_SC);
  let x_NC = embeddingScale === 1 ? embedded_NC : mul(embedded_NC, embeddingScale);
  const layerInputs: Value[] = [];
  config.layerKinds.forEach(({ rope, window }, layer) => {
    layerInputs.push(x_NC);
    const name = `model.layers.${String(layer)}`;
    const { q_NC, k_NE, v_NE } = projectHeads(
      norm(x_NC, `${name}.input_layernorm`),
      `${name}.self_attn`,
      config,
      project,
    );
    const attended = attention(
      {
        q_NC: normHeads(q_NC, heads, `${name}.self_attn.q_norm`),
        k_NE: normHeads(k_NE, kvHeads, `${name}.self_attn.k_norm`),
        v_NE,
      },
      {
        heads,
        kvHeads,
        headSize,
        scale: config.scoreScale,
        softcap: config.scoreSoftcap,
        layer,
        window,
        rope: rope === null ? null : (ropes[rope] ?? null),
      },
      context,
    );
    if (attended.present !== null) present.push(attended.present);
    const attention_NC = project(attended.out_NC, `${name}.self_attn.o_proj`);
    x_NC = add(x_NC, normsOutputs ? norm(attention_NC, `${name}.post_attention_layernorm`) : attention_NC);
    const y_NC = norm(x_NC, normsOutputs ? `${name}.pre_feedforward_layernorm` : `${name}.post_attention_layernorm`);
    const mlp_NC = project(gated(y_NC, `${name}.mlp`, config, project), `${name}.mlp.down_proj`);
    x_NC = add(x_NC, normsOutputs ? norm(mlp_NC, `${name}.post_feedforward_layernorm`) : mlp_NC);
  });
  return { hidden_NC: norm(x_NC, 'model.norm'), layerInputs, present };
}

type Project = (x_NI: Value, name: string) => Value;

/** Queries, keys and values of a layer, heads side by side. */
function projectHeads(
  x_NC: Value,
  name: string,
  { isFused, heads, kvHeads, headSize }: GatedDecoderConfig,
  project: Project,
): { readonly q_NC: Value; readonly k_NE: Value; readonly v_NE: Value } {
  if (!isFused)
    return {
      q_NC: project(x_NC, `${name}.q_proj`),
      k_NE: project(x_NC, `${name}.k_proj`),
      v_NE: project(x_NC, `${name}.v_proj`),
    };
  const packed = project(x_NC, `${name}.qkv_proj`);
  const [queries, keys] = [heads * headSize, kvHeads * headSize];
  return {
    q_NC: slice(packed, 1, 0, queries),
    k_NE: slice(packed, 1, queries, queries + keys),
    v_NE: slice(packed, 1, queries + keys, queries + 2 * keys),
  };
}

/** activation(gate) · up, [N, inner] */
function gated(y_NC: Value, name: string, { isFused, inner, activation }: GatedDecoderConfig, project: Project): Value {
  if (!isFused) {
    const gate_NI = activation(project(y_NC, `${name}.gate_proj`));
    return mul(gate_NI, project(y_NC, `${name}.up_proj`));
  }
  const packed = project(y_NC, `${name}.gate_up_proj`);
  return mul(activation(slice(packed, 1, 0, inner)), slice(packed, 1, inner, 2 * inner));
}
