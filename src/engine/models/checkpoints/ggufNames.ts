/** The mappings of all GGUF architectures share this: tensor names in and out, how rows are put back in order, fields
 *  of the configuration. */
import { FormatError } from '../../../base/errors.js';
import type { GgufHeader, GgufTensorInfo } from './ggufHeader.js';
import type { GgufMetadata } from './ggufMetadata.js';
import { ropeTensorNames, type RopeTensors } from './ggufRope.js';

/** How the rows of a tensor are put back into Hugging Face's order. */
export type Layout =
  | { readonly kind: 'same' }
  /** Rows of each head interleave the two halves of the rotation; `heads` heads. */
  | { readonly kind: 'interleavedHalves'; readonly heads: number }
  /** Linear weights of GPT-2 are stored [in, out] by Hugging Face (Conv1D) and [out, in] by GGUF. */
  | { readonly kind: 'transposed' }
  /** Gains of norms that Hugging Face stores less 1. */
  | { readonly kind: 'lessOne' };

export interface MappedTensor {
  readonly name: string;
  readonly info: GgufTensorInfo;
  readonly layout: Layout;
}

export interface MappedModel {
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: readonly MappedTensor[];
}

export type MapModel = (header: GgufHeader, metadata: GgufMetadata, ropeTensors: RopeTensors) => MappedModel;

/** The tensors that are weights. */
export function weightTensors({ tensors }: GgufHeader): readonly GgufTensorInfo[] {
  const factors: readonly string[] = ropeTensorNames;
  return [...tensors.values()].filter(({ name }) => !factors.includes(name));
}

/** Names in Hugging Face's layers by GGUF's. */
export type GgufLayerNames = Readonly<Record<string, { readonly name: string; readonly layout?: Layout }>>;

export function commonConfig(header: GgufHeader, metadata: GgufMetadata): Record<string, unknown> {
  const embedding = header.tensors.get('token_embd.weight');
  if (embedding?.shape[0] === undefined)
    throw new FormatError('no tensor token_embd.weight', { where: metadata.where });
  return {
    vocab_size: embedding.shape[0],
    tie_word_embeddings: !header.tensors.has('output.weight'),
    bos_token_id: metadata.number('tokenizer.ggml.bos_token_id'),
    eos_token_id: metadata.number('tokenizer.ggml.eos_token_id'),
    pad_token_id: metadata.number('tokenizer.ggml.padding_token_id'),
  };
}

/** `blk.N.PART.weight` → `LAYERS.N.NAME.weight`, anything else by the outer names. */
export function mapTensor(
  info: GgufTensorInfo,
  outer: Readonly<Record<string, string>>,
  layers: string,
  inLayer: GgufLayerNames,
  metadata: GgufMetadata,
): MappedTensor {
  const same: Layout = { kind: 'same' };
  const match = /^(?:blk\.(\d+)\.)?([a-z_]+)\.(weight|bias)$/.exec(info.name);
  const [, layer, part = '', suffix = ''] = match ?? [];
  if (layer === undefined) {
    const name = Object.hasOwn(outer, part) ? outer[part] : undefined;
    if (name !== undefined) return { name: `${name}.${suffix}`, info, layout: same };
  } else {
    const target = Object.hasOwn(inLayer, part) ? inLayer[part] : undefined;
    if (target !== undefined) {
      const layout = target.layout ?? same;
      const isMatrix = info.shape.length === 2;
      return {
        name: `${layers}.${layer}.${target.name}.${suffix}`,
        info,
        layout: layout.kind === 'transposed' && !isMatrix ? same : layout,
      };
    }
  }
  throw new FormatError(`unknown tensor ${JSON.stringify(info.name.slice(0, 100))}`, {
    where: metadata.where,
    remedy: 'The model departs from its architecture; serve it with llama.cpp and use the model id openai:NAME.',
  });
}
