/** Every use of a language model asks this of its token ids. */
import { ConfigError } from '../../base/errors.js';
import type { LanguageModel } from './languageModel.js';

type Limits = Pick<LanguageModel, 'name' | 'contextLength' | 'vocabularySize'>;

/** @throws ConfigError when there is no token, or one is not in the vocabulary */
export function requireContext(model: Limits, ids: readonly number[], where: string): void {
  if (ids.length === 0) {
    throw new ConfigError('The probability of a first token is not defined', {
      where,
      expected: 'at least one token to go on from',
      got: 'an empty prompt',
      remedy: 'Give a prompt, or begin with the beginning-of-sequence token where the model has one.',
    });
  }
  const stranger = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= model.vocabularySize);
  if (stranger !== undefined) {
    throw new ConfigError('A token id is not in the vocabulary', {
      where,
      expected: `ids below ${String(model.vocabularySize)}, the vocabulary of ${model.name}`,
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
