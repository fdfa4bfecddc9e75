/** Metadata of a GGUF architecture that changes what the model computes: all of it is read by the mappings, or refused
 *  by name unless its value changes nothing. Source: the keys of gguf 0.19 `constants.py`, what llama.cpp's
 *  llama-model.cpp does with them. */
import { FormatError } from '../../../base/errors.js';
import type { GgufHeader, GgufValue } from './ggufHeader.js';
import type { GgufMetadata } from './ggufMetadata.js';

/** The sizes that a mapping has found, for keys that only repeat them. */
export interface KnownSizes {
  readonly headSize: number;
  readonly contextLength: number;
  readonly theta: number;
  /** Factor of q·k. */
  readonly scoreScale: number;
}

/** Keys below the architecture's name that mappings read, or that say nothing of the computation. */
const read: readonly string[] = [
  'vocab_size',
  'context_length',
  'embedding_length',
  'block_count',
  'feed_forward_length',
  'tensor_data_layout',
  'attention.head_count',
  'attention.head_count_kv',
  'attention.key_length',
  'attention.layer_norm_epsilon',
  'attention.layer_norm_rms_epsilon',
  'rope.freq_base',
  'rope.scale_linear',
  'rope.scaling.type',
  'rope.scaling.factor',
  'rope.scaling.original_context_length',
  'rope.scaling.finetuned',
  'rope.scaling.attn_factor',
  'rope.scaling.yarn_attn_factor',
  'rope.scaling.yarn_beta_fast',
  'rope.scaling.yarn_beta_slow',
];

/** Further ones that some architectures read. */
const readBy: Readonly<Record<string, readonly string[]>> = {
  phi3: ['attention.sliding_window', 'rope.dimension_count'],
  gemma2: [
    'attention.sliding_window',
    'attention.sliding_window_pattern',
    'attn_logit_softcapping',
    'final_logit_softcapping',
  ],
  gemma3: [
    'attention.sliding_window',
    'attention.sliding_window_pattern',
    'attn_logit_softcapping',
    'final_logit_softcapping',
    'rope.freq_base_swa',
  ],
};

/** The value at which a key changes nothing. */
function neutralValue(suffix: string, { headSize, contextLength, theta, scoreScale }: KnownSizes): GgufValue | null {
  switch (suffix) {
    case 'attention.value_length':
    case 'attention.key_length_swa':
    case 'attention.value_length_swa':
    case 'rope.dimension_count':
    case 'rope.dimension_count_swa':
      return headSize;
    case 'rope.freq_base_swa':
      return theta;
    case 'attention.causal':
      return true;
    case 'attention.scale':
      return scoreScale;
    case 'attention.sliding_window':
      return contextLength;
    case 'logit_scale':
    case 'residual_scale':
    case 'embedding_scale':
    case 'attention.output_scale':
    case 'attention.temperature_scale':
    case 'rope.scaling.yarn_ext_factor':
      return 1;
    default:
      return null;
  }
}

/** Zero or false does not switch these off. */
const neverOff: readonly string[] = ['attention.causal', 'rope.scaling.yarn_ext_factor'];

/** Whatever is said of attention, rotation, experts, factors or another kind of layer changes results. */
const changesResults =
  /^(attention|rope|ssm|wkv|kda|altup|shortconv|classifier|posnet|convnext)\.|expert|moe|scale|softcapping|clamp|swin_norm|rescale_every|parallel_residual|full_attention|no_rope|leading_dense|per_layer|embedding_length_out|token_shift|deepstack|nextn_predict/;

/** @throws FormatError naming the first key that changes results and is not read */
export function refuseUnreadKeys(header: GgufHeader, { where, architecture }: GgufMetadata, sizes: KnownSizes): void {
  const known = new Set([...read, ...(readBy[architecture] ?? [])]);
  for (const [key, value] of header.metadata) {
    const suffix = key.startsWith(`${architecture}.`) ? key.slice(architecture.length + 1) : null;
    if (suffix === null || known.has(suffix) || !changesResults.test(suffix) || isOff(suffix, value)) continue;
    const neutral = neutralValue(suffix, sizes);
    if (value === neutral || isSameNumber(value, neutral)) continue;
    if (suffix === 'attention.sliding_window' && Number(value) >= sizes.contextLength) continue;
    throw new FormatError(`${key} changes what the model computes and is not supported`, {
      where,
      expected: neutral === null ? `a ${architecture} model without it` : String(neutral),
      got: JSON.stringify(ArrayBuffer.isView(value) ? Array.from(value as ArrayLike<number>) : value).slice(0, 100),
      remedy: 'Serve the model with llama.cpp and use the notation openai:NAME.',
    });
  }
}

function isOff(suffix: string, value: GgufValue): boolean {
  return (value === 0 || value === false) && !neverOff.includes(suffix);
}

/** GGUF keeps f32. */
function isSameNumber(value: GgufValue, neutral: GgufValue | null): boolean {
  return typeof value === 'number' && typeof neutral === 'number' && Math.fround(value) === Math.fround(neutral);
}
