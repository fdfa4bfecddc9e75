/** From GGUF's names, layouts and metadata to Hugging Face's, one table entry an architecture. What the files hold was
 *  checked against llama.cpp's convert_hf_to_gguf.py (the inverse of this file) and transformers' GGUF loader. */
import { FormatError } from '../../../base/errors.js';
import { gatedDecoderArchitectures, mapGatedDecoder } from './ggufGatedDecoders.js';
import type { GgufHeader } from './ggufHeader.js';
import { refuseUnreadKeys } from './ggufKeys.js';
import { decimalOf, type GgufMetadata } from './ggufMetadata.js';
import {
  commonConfig,
  mapTensor,
  weightTensors,
  type GgufLayerNames,
  type Layout,
  type MapModel,
  type MappedModel,
} from './ggufNames.js';
import { parseRopeScaling, type RopeTensors } from './ggufRope.js';

const architectures: Readonly<Record<string, MapModel>> = {
  llama: mapLlama,
  gpt2: mapGpt2,
  ...Object.fromEntries(gatedDecoderArchitectures.map((name) => [name, mapGatedDecoder])),
};

/** @throws FormatError when the architecture, a tensor of it or a key that changes its results is not known */
export function mapGgufModel(header: GgufHeader, metadata: GgufMetadata, ropeTensors: RopeTensors): MappedModel {
  const { architecture } = metadata;
  const map = Object.hasOwn(architectures, architecture) ? architectures[architecture] : undefined;
  if (map === undefined) {
    throw new FormatError('a GGUF of another architecture', {
      where: metadata.where,
      expected: Object.keys(architectures).join(' or '),
      got: JSON.stringify(architecture),
      remedy: 'Serve it with llama.cpp and use the model id openai:NAME.',
    });
  }
  if ((metadata.number('split.count') ?? 1) > 1) {
    throw new FormatError('one part of a split GGUF', {
      where: metadata.where,
      remedy: 'Join the parts with `llama-gguf-split --merge`.',
    });
  }
  return map(header, metadata, ropeTensors);
}

function mapLlama(header: GgufHeader, metadata: GgufMetadata, ropeTensors: RopeTensors): MappedModel {
  const size = (key: string): number => metadata.requiredNumber(`llama.${key}`);
  const heads = size('attention.head_count');
  const kvHeads = metadata.number('llama.attention.head_count_kv') ?? heads;
  const width = size('embedding_length');
  const headSize =
    metadata.number('llama.attention.key_length') ?? metadata.number('llama.rope.dimension_count') ?? width / heads;
  const ropeTheta = decimalOf(metadata.number('llama.rope.freq_base') ?? 10000);
  const contextLength = size('context_length');
  const names: GgufLayerNames = {
    attn_norm: { name: 'input_layernorm' },
    ffn_norm: { name: 'post_attention_layernorm' },
    attn_q: { name: 'self_attn.q_proj', layout: { kind: 'interleavedHalves', heads } },
    attn_k: { name: 'self_attn.k_proj', layout: { kind: 'interleavedHalves', heads: kvHeads } },
    attn_v: { name: 'self_attn.v_proj' },
    attn_output: { name: 'self_attn.o_proj' },
    ffn_gate: { name: 'mlp.gate_proj' },
    ffn_up: { name: 'mlp.up_proj' },
    ffn_down: { name: 'mlp.down_proj' },
  };
  refuseUnreadKeys(header, metadata, {
    headSize,
    contextLength,
    theta: ropeTheta,
    scoreScale: 1 / Math.sqrt(headSize),
  });
  const tensors = weightTensors(header).map((info) =>
    mapTensor(
      info,
      { token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head' },
      'model.layers',
      names,
      metadata,
    ),
  );
  const ropeScaling = parseRopeScaling(metadata, {
    architecture: 'llama',
    tensors: ropeTensors,
    theta: ropeTheta,
    headSize,
    contextLength,
  });
  return {
    config: {
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      hidden_size: width,
      intermediate_size: size('feed_forward_length'),
      num_hidden_layers: size('block_count'),
      num_attention_heads: heads,
      num_key_value_heads: kvHeads,
      head_dim: headSize,
      hidden_act: 'silu',
      max_position_embeddings: contextLength,
      rms_norm_eps: decimalOf(size('attention.layer_norm_rms_epsilon')),
      rope_theta: ropeTheta,
      ...(ropeScaling === null ? {} : { rope_scaling: ropeScaling }),
      attention_bias: header.tensors.has('blk.0.attn_q.bias'),
      mlp_bias: header.tensors.has('blk.0.ffn_up.bias'),
      ...commonConfig(header, metadata),
    },
    tensors,
  };
}

function mapGpt2(header: GgufHeader, metadata: GgufMetadata): MappedModel {
  const size = (key: string): number => metadata.requiredNumber(`gpt2.${key}`);
  const [width, heads, contextLength] = [
    size('embedding_length'),
    size('attention.head_count'),
    size('context_length'),
  ];
  const headSize = width / heads;
  refuseUnreadKeys(header, metadata, { headSize, contextLength, theta: 0, scoreScale: 1 / Math.sqrt(headSize) });
  const transposed: Layout = { kind: 'transposed' };
  const names: GgufLayerNames = {
    attn_norm: { name: 'ln_1' },
    attn_qkv: { name: 'attn.c_attn', layout: transposed },
    attn_output: { name: 'attn.c_proj', layout: transposed },
    ffn_norm: { name: 'ln_2' },
    ffn_up: { name: 'mlp.c_fc', layout: transposed },
    ffn_down: { name: 'mlp.c_proj', layout: transposed },
  };
  const outer = {
    token_embd: 'transformer.wte',
    position_embd: 'transformer.wpe',
    output_norm: 'transformer.ln_f',
    output: 'lm_head',
  };
  return {
    config: {
      architectures: ['GPT2LMHeadModel'],
      model_type: 'gpt2',
      n_embd: width,
      n_layer: size('block_count'),
      n_head: heads,
      n_inner: metadata.number('gpt2.feed_forward_length'),
      n_positions: contextLength,
      activation_function: 'gelu_new',
      layer_norm_epsilon: decimalOf(size('attention.layer_norm_epsilon')),
      ...commonConfig(header, metadata),
    },
    tensors: [...header.tensors.values()].map((info) => mapTensor(info, outer, 'transformer.h', names, metadata)),
  };
}
