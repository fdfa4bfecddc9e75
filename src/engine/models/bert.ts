/** BERT: an encoder with token types; its classifier reads the first token through a pooler (a linear map and tanh).
 *  Source: transformers 5.23 `modeling_bert.py`, `configuration_bert.py` (defaults). */
import { activationNamed } from '../nn/activation.js';
import { tanh } from '../tensor/ops/all.js';
import { mostLayers, mostPositions, readConfig, type RawConfig } from './configReader.js';
import {
  affine,
  encoderForward,
  encoderHeads,
  encoderParameters,
  requirePlainEncoder,
  type EncoderConfig,
  type EncoderNames,
} from './encoder.js';
import type { EncoderFamily } from './textBody.js';

export const bert: EncoderFamily = {
  classifiers: ['BertForSequenceClassification'],
  open: (raw, where) => {
    const config = parseBertConfig(raw, where, { vocabularySize: 30522, firstPosition: 0 });
    const names = bertNames('bert');
    const body = encoderParameters(config, names);
    const { width, initialStd } = config;
    return {
      family: 'bert',
      config,
      prefix: 'bert.',
      body,
      reads: 'bothWays',
      forward: (inputs) => encoderForward(config, names, body, inputs),
      classifier: {
        className: 'BertForSequenceClassification',
        pooling: 'first',
        parameters: (labels) => [
          ...affine('bert.pooler.dense', width, width, initialStd),
          ...affine('classifier', width, labels, initialStd),
        ],
        logits: (pooled_BC, { linear }) =>
          linear(tanh(linear(pooled_BC, 'bert.pooler.dense', 'outIn')), 'classifier', 'outIn'),
      },
    };
  },
};

/** The fields that BERT and RoBERTa share.
 *  @param firstPosition rows of the position table that no token takes */
export function parseBertConfig(
  raw: RawConfig,
  where: string,
  { vocabularySize, firstPosition }: { readonly vocabularySize: number; readonly firstPosition: number },
): EncoderConfig {
  const read = readConfig(raw, where);
  requirePlainEncoder(raw, where);
  const width = read.size('hidden_size', 768);
  return {
    ...encoderHeads(width, read.size('num_attention_heads', 12), where),
    modelType: read.text('model_type', 'bert'),
    width,
    firstPosition,
    layers: read.size('num_hidden_layers', 12, mostLayers),
    vocabularySize: read.size('vocab_size', vocabularySize),
    contextLength: read.size('max_position_embeddings', 512, mostPositions) - firstPosition,
    tiedHead: false,
    inner: read.size('intermediate_size', 3072),
    epsilon: read.quantity('layer_norm_eps', 1e-12),
    activation: activationNamed(read.text('hidden_act', 'gelu'), where),
    tokenTypes: read.size('type_vocab_size', 2),
    initialStd: read.quantity('initializer_range', 0.02),
    raw,
  };
}

export function bertNames(prefix: string): EncoderNames {
  return {
    embeddings: `${prefix}.embeddings`,
    layer: (index) => {
      const layer = `${prefix}.encoder.layer.${String(index)}`;
      return {
        query: `${layer}.attention.self.query`,
        key: `${layer}.attention.self.key`,
        value: `${layer}.attention.self.value`,
        attended: `${layer}.attention.output.dense`,
        attendedNorm: `${layer}.attention.output.LayerNorm`,
        inner: `${layer}.intermediate.dense`,
        outer: `${layer}.output.dense`,
        outerNorm: `${layer}.output.LayerNorm`,
      };
    },
  };
}
