/** Opens an adversary between two models of one architecture: its weights are (1 − λ) of the users' and λ of the
 *  proposal's. It is one model, with log-probabilities of its own that are exact; how far it leans to the proposal is
 *  measured, not assumed.
 *  @source interpolation of fine-tuned weights: M. Wortsman et al., arXiv 2109.01903 */
import { ConfigError, ShapeError } from '../base/errors.js';
import { copyLanguageModel, type LanguageModel } from '../engine/models/languageModel.js';
import { createLanguageModelAdversary, type LanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import type { AdversaryOptions } from '../speakers/options.js';
import { speakerOptions } from '../speakers/speakerOptions.js';
import type { AdversaryParts } from './adversaries.js';
import { type Handle, onHandle, ownedModel } from './handle.js';
import { listeners } from './rolloutSpeakers.js';

export interface TemperedToOpen {
  readonly name: string;
  /** Speaks with this sampler; its model is the one that λ = 0 leaves as it is. */
  readonly users: AdversaryOptions;
  /** Model or folder that λ = 1 is. */
  readonly proposal: string;
  /** λ, in [0, 1]. */
  readonly share: number;
}

/** @throws ConfigError for models of different architectures or tokenizers */
export async function openTempered(
  { source, targets, requests }: AdversaryParts,
  { name, users, proposal, share }: TemperedToOpen,
): Promise<Handle<LanguageModelAdversary>> {
  const own = { name, trainable: false };
  const known = await targets.known(users.model);
  const model = known === null ? await source.openModel(users.model, own) : await copyLanguageModel(known, own);
  try {
    const other = await source.openModel(proposal, own);
    try {
      await average(other, model, { users: users.model, proposal, share });
    } finally {
      await other.close();
    }
  } catch (error) {
    await model.close();
    throw error;
  }
  return onHandle(ownedModel(model), (each) =>
    createLanguageModelAdversary(each, { ...speakerOptions(users), ...listeners(requests, 'adversary') }),
  );
}

async function average(
  from: LanguageModel,
  to: LanguageModel,
  { users, proposal, share }: Pick<TemperedToOpen, 'proposal' | 'share'> & { readonly users: string },
): Promise<void> {
  const differs = (cause?: unknown): ConfigError =>
    new ConfigError('no weights lie between these two models', {
      where: 'estimate.proposal',
      expected: `a model that was trained from ${users}, with its tokens and shapes`,
      got: proposal,
      remedy: 'Name an adversary that an exploit stage of this recipe trains, or leave proposal out.',
      ...(cause === undefined ? {} : { cause }),
    });
  if (from.tokenizer.id !== to.tokenizer.id) throw differs();
  try {
    await to.device.average(from.weights, to.weights, share);
  } catch (error) {
    throw error instanceof ShapeError ? differs(error) : error;
  }
}
