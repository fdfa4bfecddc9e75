/** RoBERTa: BERT's body, but the first token of a text takes the position after the padding id's, and the classifier
 *  has a hidden layer of its own instead of the pooler. transformers counts positions over the ids that are not the
 *  padding id, so a text that spells out "<pad>" is placed otherwise there. Source: transformers 5.23
 *  `modeling_roberta.py`, `configuration_roberta.py` (defaults). */
import { ConfigError } from '../../base/errors.js';
import { tanh } from '../tensor/ops/all.js';
import { bertNames, parseBertConfig } from './bert.js';
import { readConfig } from './configReader.js';
import { affine, encoderForward, encoderParameters } from './encoder.js';
import type { EncoderFamily } from './textBody.js';

export const roberta: EncoderFamily = {
  classifiers: ['RobertaForSequenceClassification'],
  open: (raw, where) => {
    const padding = readConfig(raw, where).quantity('pad_token_id', 1);
    const config = parseBertConfig(raw, where, { vocabularySize: 50265, firstPosition: padding + 1 });
    if (!Number.isInteger(padding) || config.contextLength < 1) {
      throw new ConfigError('The padding id leaves no position', {
        where: `${where}: pad_token_id`,
        expected: 'an id below max_position_embeddings',
        got: String(padding),
      });
    }
    const names = bertNames('roberta');
    const body = encoderParameters(config, names);
    const { width, initialStd } = config;
    return {
      family: 'roberta',
      config,
      prefix: 'roberta.',
      body,
      reads: 'bothWays',
      forward: (inputs) => encoderForward(config, names, body, inputs),
      classifier: {
        className: 'RobertaForSequenceClassification',
        pooling: 'first',
        parameters: (labels) => [
          ...affine('classifier.dense', width, width, initialStd),
          ...affine('classifier.out_proj', width, labels, initialStd),
        ],
        logits: (pooled_BC, { linear }) =>
          linear(tanh(linear(pooled_BC, 'classifier.dense', 'outIn')), 'classifier.out_proj', 'outIn'),
      },
    };
  },
};
