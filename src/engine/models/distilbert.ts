/** DistilBERT: half of BERT's layers under other names, no token types; the classifier has a hidden layer with ReLU.
 *  Source: transformers 5.23 `modeling_distilbert.py`, `configuration_distilbert.py` (defaults; the norms' epsilon is
 *  fixed there). Sinusoidal positions are a table like any other: checkpoints store it. */
import { activationNamed } from '../nn/activation.js';
import { maximum } from '../tensor/ops/all.js';
import { mostLayers, mostPositions, readConfig, type RawConfig } from './configReader.js';
import {
  affine,
  encoderForward,
  encoderHeads,
  encoderParameters,
  type EncoderConfig,
  type EncoderNames,
} from './encoder.js';
import type { EncoderFamily } from './textBody.js';

export const distilbert: EncoderFamily = {
  classifiers: ['DistilBertForSequenceClassification'],
  open: (raw, where) => {
    const config = parseConfig(raw, where);
    const body = encoderParameters(config, names);
    const { width, initialStd } = config;
    return {
      family: 'distilbert',
      config,
      prefix: 'distilbert.',
      body,
      reads: 'bothWays',
      forward: (inputs) => encoderForward(config, names, body, inputs),
      classifier: {
        className: 'DistilBertForSequenceClassification',
        pooling: 'first',
        parameters: (labels) => [
          ...affine('pre_classifier', width, width, initialStd),
          ...affine('classifier', width, labels, initialStd),
        ],
        logits: (pooled_BC, { linear }) =>
          linear(maximum(linear(pooled_BC, 'pre_classifier', 'outIn'), 0), 'classifier', 'outIn'),
      },
    };
  },
};

function parseConfig(raw: RawConfig, where: string): EncoderConfig {
  const read = readConfig(raw, where);
  const width = read.size('dim', 768);
  return {
    ...encoderHeads(width, read.size('n_heads', 12), where),
    modelType: 'distilbert',
    width,
    tokenTypes: 0,
    firstPosition: 0,
    layers: read.size('n_layers', 6, mostLayers),
    vocabularySize: read.size('vocab_size', 30522),
    contextLength: read.size('max_position_embeddings', 512, mostPositions),
    tiedHead: false,
    inner: read.size('hidden_dim', 3072),
    epsilon: 1e-12,
    activation: activationNamed(read.text('activation', 'gelu'), where),
    initialStd: read.quantity('initializer_range', 0.02),
    raw,
  };
}

const names: EncoderNames = {
  embeddings: 'distilbert.embeddings',
  layer: (index) => {
    const layer = `distilbert.transformer.layer.${String(index)}`;
    return {
      query: `${layer}.attention.q_lin`,
      key: `${layer}.attention.k_lin`,
      value: `${layer}.attention.v_lin`,
      attended: `${layer}.attention.out_lin`,
      attendedNorm: `${layer}.sa_layer_norm`,
      inner: `${layer}.ffn.lin1`,
      outer: `${layer}.ffn.lin2`,
      outerNorm: `${layer}.output_layer_norm`,
    };
  },
};
