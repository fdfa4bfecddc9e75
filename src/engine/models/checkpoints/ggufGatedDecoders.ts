/** GGUF files of the decoders of Llama's shape beside Llama itself: Qwen2, Qwen3, Phi-3, Gemma 2 and 3. Rows of queries
 *  and keys lie as in Hugging Face's files (llama.cpp rotates halves for these); Gemma's gains are stored whole,
 *  Hugging Face's less 1. Checked against transformers' GGUF loader and the names of the gguf package. What a file does
 *  not hold is as llama.cpp assumes it: which of Gemma's layers have the window, the base of their rotation, and what
 *  Gemma's scores are divided by. */
import { FormatError } from '../../../base/errors.js';
import { refuseUnreadKeys } from './ggufKeys.js';
import { decimalOf, type GgufMetadata } from './ggufMetadata.js';
import { commonConfig, mapTensor, weightTensors, type GgufLayerNames, type MapModel } from './ggufNames.js';
import { parseRopeScaling } from './ggufRope.js';

interface Shape {
  readonly modelType: string;
  readonly className: string;
  readonly names: GgufLayerNames;
  /** Fields of config.json beside those that all have. */
  readonly own: (metadata: GgufMetadata, sizes: Sizes) => Readonly<Record<string, unknown>>;
}

interface Sizes {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly headSize: number;
  readonly contextLength: number;
}

const attentionAndMlp: GgufLayerNames = {
  attn_norm: { name: 'input_layernorm' },
  ffn_norm: { name: 'post_attention_layernorm' },
  attn_q: { name: 'self_attn.q_proj' },
  attn_k: { name: 'self_attn.k_proj' },
  attn_v: { name: 'self_attn.v_proj' },
  attn_output: { name: 'self_attn.o_proj' },
  ffn_gate: { name: 'mlp.gate_proj' },
  ffn_up: { name: 'mlp.up_proj' },
  ffn_down: { name: 'mlp.down_proj' },
};

const lessOne = { kind: 'lessOne' } as const;

const gemmaNames: GgufLayerNames = {
  ...attentionAndMlp,
  attn_norm: { name: 'input_layernorm', layout: lessOne },
  post_attention_norm: { name: 'post_attention_layernorm', layout: lessOne },
  ffn_norm: { name: 'pre_feedforward_layernorm', layout: lessOne },
  post_ffw_norm: { name: 'post_feedforward_layernorm', layout: lessOne },
  attn_q_norm: { name: 'self_attn.q_norm', layout: lessOne },
  attn_k_norm: { name: 'self_attn.k_norm', layout: lessOne },
};

/** The 27B models divide scores by √(width / heads), the others by √(head size). */
const gemmaFields =
  (architecture: string, largest: number, fullEvery: number) =>
  (metadata: GgufMetadata, { layers, width, heads, headSize }: Sizes) => {
    const window = metadata.number(`${architecture}.attention.sliding_window`) ?? 4096;
    return {
      hidden_activation: 'gelu_pytorch_tanh',
      query_pre_attn_scalar: layers === largest ? width / heads : headSize,
      sliding_window: window === 0 ? null : window,
      layer_types:
        window === 0 ? Array<string>(layers).fill('full_attention') : layerTypes(metadata, layers, fullEvery),
      attn_logit_softcapping: softcap(metadata, `${architecture}.attn_logit_softcapping`),
      final_logit_softcapping: softcap(metadata, `${architecture}.final_logit_softcapping`),
    };
  };

/** By the file's pattern: every n-th layer is full, or a flag a layer that says whether it slides. */
function layerTypes(metadata: GgufMetadata, layers: number, fullEvery: number): readonly string[] {
  const { architecture, where } = metadata;
  const pattern = metadata.numberOrNumbers(`${architecture}.attention.sliding_window_pattern`) ?? fullEvery;
  if (typeof pattern !== 'number' && pattern.length < layers) {
    throw new FormatError('fewer windows than layers', {
      where: `${where}: ${architecture}.attention.sliding_window_pattern`,
      expected: String(layers),
      got: String(pattern.length),
    });
  }
  const slides = (layer: number): boolean =>
    typeof pattern === 'number' ? pattern !== 0 && (layer + 1) % pattern !== 0 : pattern[layer] !== 0;
  return Array.from({ length: layers }, (_, layer) => (slides(layer) ? 'sliding_attention' : 'full_attention'));
}

function softcap(metadata: GgufMetadata, key: string): number | null {
  const cap = metadata.number(key);
  return cap === null || cap === 0 ? null : decimalOf(cap);
}

const shapes: Readonly<Record<string, Shape>> = {
  qwen2: {
    modelType: 'qwen2',
    className: 'Qwen2ForCausalLM',
    names: attentionAndMlp,
    own: () => ({ use_sliding_window: false }),
  },
  qwen3: {
    modelType: 'qwen3',
    className: 'Qwen3ForCausalLM',
    names: { ...attentionAndMlp, attn_q_norm: { name: 'self_attn.q_norm' }, attn_k_norm: { name: 'self_attn.k_norm' } },
    own: () => ({ use_sliding_window: false, attention_bias: false }),
  },
  phi3: {
    modelType: 'phi3',
    className: 'Phi3ForCausalLM',
    names: { ...attentionAndMlp, attn_qkv: { name: 'self_attn.qkv_proj' }, ffn_up: { name: 'mlp.gate_up_proj' } },
    own: (metadata, { headSize, contextLength }) => ({
      partial_rotary_factor: (metadata.number('phi3.rope.dimension_count') ?? headSize) / headSize,
      original_max_position_embeddings: metadata.number('phi3.rope.scaling.original_context_length') ?? contextLength,
      sliding_window: metadata.number('phi3.attention.sliding_window') || null,
    }),
  },
  gemma2: {
    modelType: 'gemma2',
    className: 'Gemma2ForCausalLM',
    names: gemmaNames,
    own: (metadata, sizes) => ({
      ...gemmaFields('gemma2', 46, 2)(metadata, sizes),
      ...(metadata.has('gemma2.attn_logit_softcapping') ? {} : { attn_logit_softcapping: 50 }),
      ...(metadata.has('gemma2.final_logit_softcapping') ? {} : { final_logit_softcapping: 30 }),
    }),
  },
  gemma3: {
    modelType: 'gemma3_text',
    className: 'Gemma3ForCausalLM',
    names: gemmaNames,
    own: (metadata, sizes) => ({
      ...gemmaFields('gemma3', 62, 6)(metadata, sizes),
      rope_local_base_freq: decimalOf(metadata.number('gemma3.rope.freq_base_swa') ?? 10_000),
    }),
  },
};

export const gatedDecoderArchitectures: readonly string[] = Object.keys(shapes);

/** @throws FormatError for an architecture that is not among `gatedDecoderArchitectures`, or a tensor that it does not
 *    have */
export const mapGatedDecoder: MapModel = (header, metadata, ropeTensors) => {
  const { architecture } = metadata;
  const shape = Object.hasOwn(shapes, architecture) ? shapes[architecture] : undefined;
  if (shape === undefined)
    throw new FormatError('a GGUF of another architecture', {
      where: metadata.where,
      expected: gatedDecoderArchitectures.join(', '),
      got: architecture,
    });
  const size = (key: string): number => metadata.requiredNumber(`${architecture}.${key}`);
  const [layers, width, heads, contextLength] = [
    size('block_count'),
    size('embedding_length'),
    size('attention.head_count'),
    size('context_length'),
  ];
  const headSize = metadata.number(`${architecture}.attention.key_length`) ?? width / heads;
  const theta = decimalOf(
    metadata.number(`${architecture}.rope.freq_base`) ?? (architecture === 'gemma3' ? 1_000_000 : 10_000),
  );
  const ropeScaling = parseRopeScaling(metadata, {
    architecture,
    tensors: ropeTensors,
    theta,
    headSize,
    contextLength,
  });
  const isGemma = shape.names === gemmaNames;
  const own = shape.own(metadata, { layers, width, heads, headSize, contextLength });
  refuseUnreadKeys(header, metadata, {
    headSize,
    contextLength,
    theta,
    scoreScale: 1 / Math.sqrt(Number(own['query_pre_attn_scalar'] ?? headSize)),
  });
  return {
    config: {
      architectures: [shape.className],
      model_type: shape.modelType,
      hidden_size: width,
      intermediate_size: size('feed_forward_length'),
      num_hidden_layers: layers,
      num_attention_heads: heads,
      num_key_value_heads: metadata.number(`${architecture}.attention.head_count_kv`) ?? heads,
      head_dim: headSize,
      hidden_act: 'silu',
      max_position_embeddings: contextLength,
      rms_norm_eps: decimalOf(size('attention.layer_norm_rms_epsilon')),
      rope_theta: theta,
      ...(ropeScaling === null ? {} : { rope_scaling: ropeScaling }),
      ...own,
      ...commonConfig(header, metadata),
    },
    tensors: weightTensors(header).map((info) => {
      const mapped = mapTensor(
        info,
        { token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head' },
        'model.layers',
        shape.names,
        metadata,
      );
      return isGemma && info.name === 'output_norm.weight' ? { ...mapped, layout: lessOne } : mapped;
    }),
  };
};
