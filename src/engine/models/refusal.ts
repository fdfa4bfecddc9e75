/** Says, without a device, what opening a checkpoint would refuse: its configuration, its tensors, its tokenizer. */
import { GadflyError } from '../../base/errors.js';
import { encoderFamilies } from './all.js';
import type { Checkpoint } from './checkpoints/checkpoint.js';
import { readLanguageModelFile } from './heldHead.js';
import { languageModelParameters } from './parameters.js';
import { classifierArchitecture, classifierParameters } from './sequenceClassifier.js';
import { tokenizerOf } from './storedModel.js';
import { textBodyOf } from './textBodyOf.js';
import { matchWeights } from './weights.js';

/** Returns the message with which the model would be refused as what its configuration says it is (a language model, a
 *  classifier or an encoder); null for a model that opens. */
export async function refusalOf(checkpoint: Checkpoint): Promise<string | null> {
  try {
    await requireUsable(checkpoint);
    return null;
  } catch (error) {
    if (error instanceof GadflyError) return error.message;
    throw error;
  }
}

async function requireUsable(checkpoint: Checkpoint): Promise<void> {
  const { config, source: where, tensors } = checkpoint;
  const classes: readonly unknown[] = Array.isArray(config['architectures']) ? config['architectures'] : [];
  if (classes.some((name) => typeof name === 'string' && name.endsWith('ForSequenceClassification'))) {
    const architecture = classifierArchitecture(config, where);
    matchWeights(classifierParameters(architecture), tensors, { prefix: architecture.base.prefix, where });
  } else if (Object.hasOwn(encoderFamilies, String(config['model_type']))) {
    textBodyOf(config, 'body', where);
  } else {
    const file = await readLanguageModelFile(checkpoint);
    matchWeights(languageModelParameters(file.architecture), file.tensors, {
      prefix: file.architecture.prefix,
      where,
    });
  }
  tokenizerOf(checkpoint);
}
