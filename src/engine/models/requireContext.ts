/** Every use of a language model asks this of its token ids and soft rows. */
import { ConfigError, ShapeError } from '../../base/errors.js';
import type { HostTensor } from '../runtime/hostTensor.js';
import type { ModelConfig } from './family.js';
import type { LanguageModel } from './languageModel.js';

type Limits = Pick<LanguageModel, 'name' | 'contextLength' | 'vocabularySize'>;

/** @param softRows rows that the call brings beside the vocabulary: their ids follow it
 *  @throws ConfigError when there is no token, or one is not in the vocabulary */
export function requireContext(model: Limits, ids: readonly number[], where: string, softRows = 0): void {
  if (ids.length === 0) {
    throw new ConfigError('The probability of a first token is not defined', {
      where,
      expected: 'at least one token to go on from',
      got: 'an empty prompt',
      remedy: 'Give a prompt, or begin with the beginning-of-sequence token where the model has one.',
    });
  }
  const stranger = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= model.vocabularySize + softRows);
  if (stranger !== undefined) {
    throw new ConfigError('A token id is not in the vocabulary', {
      where,
      expected: `ids below ${String(model.vocabularySize)}, the vocabulary of ${model.name}${softRows === 0 ? '' : `, and ${String(softRows)} soft rows behind`}`,
      got: String(stranger),
    });
  }
}

/** The error for a sequence that does not fit. */
export function contextError(model: Limits, tokens: number, where: string): ConfigError {
  return new ConfigError('The text is longer than the model can read', {
    where,
    expected: `at most ${String(model.contextLength)} tokens, the context of ${model.name}`,
    got: String(tokens),
    remedy: 'Shorten the prompt, or ask for its last tokens only.',
  });
}

/** Returns the number of rows that a call brings for soft tokens.
 *  @param soft f32 [S, C], in the space of the model's token table: the id V + i of a vocabulary of V is row i
 *  @throws ShapeError unless they are as wide as the table, and at least one */
export function countSoftRows({ width }: Pick<ModelConfig, 'width'>, soft: HostTensor | undefined): number {
  if (soft === undefined) return 0;
  const [rows = 0, columns] = soft.dims;
  if (soft.dtype === 'f32' && soft.dims.length === 2 && rows > 0 && columns === width) return rows;
  throw new ShapeError('these are no soft rows of the model', {
    where: 'soft',
    expected: `f32 [1 or more, ${String(width)}]`,
    got: `${soft.dtype} [${soft.dims.join(', ')}]`,
  });
}
