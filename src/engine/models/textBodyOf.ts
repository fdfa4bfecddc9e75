/** From a config.json to the body that reads texts, of any family. */
import { ConfigError } from '../../base/errors.js';
import { normal } from '../nn/init.js';
import { architectureOf, classNameOf, encoderFamilies } from './all.js';
import { readConfig, type RawConfig } from './configReader.js';
import { refuseForeignKeys } from './foreignKeys.js';
import type { ClassifierHead, EncoderFamily, TextBody } from './textBody.js';

/** @param purpose 'classes': the configuration must be a classifier's; 'body': any class of a known family will do
 *  @throws ConfigError for an unknown family, or a class that does not serve the purpose */
export function textBodyOf(raw: RawConfig, purpose: 'classes' | 'body', where: string): TextBody {
  const { architectures: classes, ...anyClass } = raw;
  const encoders: Readonly<Record<string, EncoderFamily>> = encoderFamilies;
  const type = raw['model_type'];
  const encoder = typeof type === 'string' && Object.hasOwn(encoders, type) ? encoders[type] : undefined;
  if (encoder === undefined) return decoderBody(purpose === 'classes' ? raw : anyClass, where);
  if (
    purpose === 'classes' &&
    Array.isArray(classes) &&
    classes.length > 0 &&
    !classes.some((name) => encoder.classifiers.includes(name as string))
  ) {
    throw new ConfigError('Not a sequence classifier', {
      where: `${where}: architectures`,
      expected: `one of ${encoder.classifiers.join(', ')}`,
      got: classes.join(', '),
    });
  }
  refuseForeignKeys(raw, where);
  return encoder.open(raw, where);
}

/** A decoder is classified by its last token: `score.weight` [labels, C], no bias. */
function decoderBody(raw: RawConfig, where: string): TextBody {
  const base = architectureOf(raw, 'classes', where);
  const std = readConfig(raw, where).quantity('initializer_range', 0.02);
  const classifier: ClassifierHead = {
    className: classNameOf(base, 'classes'),
    pooling: 'last',
    parameters: (labels) => [{ name: 'score.weight', shape: [labels, base.config.width], initial: normal(std) }],
    logits: (pooled_BC, { linear }) => linear(pooled_BC, 'score', 'outIn'),
  };
  return { ...base, reads: 'leftToRight', classifier };
}
