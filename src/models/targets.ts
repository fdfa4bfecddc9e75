/** The target of a recipe, or a mended one in its place: opened once, frozen. */
import { once } from '../base/once.js';
import { countSpeaker, type Spending } from '../base/spending.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import type { Recipe } from '../recipe/recipe.js';
import type { SpeakerSampling } from '../speakers/generation.js';
import { speakerKind } from '../speakers/options.js';
import { speakerOptions } from '../speakers/speakerOptions.js';
import { createLocalTarget, type LocalTarget } from '../speakers/targets/local.js';
import type { OpenTarget } from '../speakers/targets/openTarget.js';
import { sharedTarget } from './castOrigins.js';
import type { ModelSource } from './modelSource.js';
import { openRemoteTarget, type RequestOptions } from './remoteSpeakers.js';
import { rolloutTargetOf, targetListeners, targetWithSampling } from './rolloutSpeakers.js';

export interface Targets {
  readonly target: () => Promise<OpenTarget>;
  /** Returns the target if it is a model on this machine. @throws ConfigError for any other target */
  readonly localTarget: () => Promise<LocalTarget>;
  readonly targetIsLocal: boolean;
  /** The target as training rollouts play it: with the recipe's precision; `target` itself where that is f32. */
  readonly rolloutTarget: () => Promise<OpenTarget>;
  /** Returns the target with another sampler; one that the calling program supplies keeps its own. */
  readonly withSampling: (sampling: Partial<SpeakerSampling>) => Promise<OpenTarget>;
  /** Returns a target's model with this id if it is open already, else null. It stays its owner's. */
  readonly known: (modelId: string) => Promise<LanguageModel> | null;
  /** Frees the target's own weights. */
  readonly close: () => Promise<void>;
}

export interface TargetsOptions {
  readonly recipe: Recipe;
  readonly source: ModelSource;
  readonly requests: RequestOptions;
  /** The target that the calling program supplies under the recipe's name. */
  readonly given: OpenTarget | undefined;
  /** Name of the target in reports; default: the recipe's name for it. */
  readonly name?: string;
  /** Finds models that enclosing pools have open. */
  readonly knownOutside?: Targets['known'];
}

export function openTargets({ recipe, source, requests, given, name, knownOutside }: TargetsOptions): Targets {
  const modelId = recipe.target.model;
  const { spending } = requests;
  const mended = name === undefined ? null : { name, folder: modelId };
  const targetIsLocal = given === undefined && speakerKind(modelId) === 'local';
  const localTarget = once(async () => {
    const model = await source.openModel(modelId, { trainable: false, name: modelId });
    const local = createLocalTarget(model, {
      ...speakerOptions(recipe.target),
      ...(name === undefined ? {} : { name }),
      ...targetListeners(requests),
    });
    return sharedTarget(local, 'target', mended);
  });
  const rolloutTarget = once(async (): Promise<OpenTarget> => {
    if (!targetIsLocal) return target();
    const plain = await localTarget();
    const rounded = rolloutTargetOf(plain, recipe, requests);
    return rounded === plain ? plain : sharedTarget(rounded, 'rolloutTarget', mended);
  });
  const target = once(async (): Promise<OpenTarget> =>
    given !== undefined
      ? countReplies(given, spending)
      : targetIsLocal
        ? localTarget()
        : openRemoteTarget(recipe.target, requests),
  );
  return {
    target,
    localTarget,
    targetIsLocal,
    rolloutTarget,
    withSampling: async (sampling) =>
      targetIsLocal
        ? targetWithSampling(await localTarget(), sampling, recipe, requests)
        : given === undefined
          ? openRemoteTarget({ ...recipe.target, ...sampling }, requests)
          : target(),
    known: (wanted) =>
      localTarget.started() && wanted === modelId
        ? localTarget().then(({ model }) => model)
        : (knownOutside?.(wanted) ?? null),
    close: async () => {
      if (localTarget.started()) await (await localTarget()).model.close();
    },
  };
}

/** Counts what a target of the calling program spends. A reply without ids counts one token per four characters, rounded
 *  for each reply, so that the sum does not depend on where a session ended. */
function countReplies(target: OpenTarget, spending: Spending): OpenTarget {
  const count = countSpeaker(spending, 'target');
  const { scoreTexts } = target;
  return {
    ...target,
    ...(scoreTexts === undefined
      ? {}
      : {
          scoreTexts: (requests) => {
            spending.add({ targetEvaluations: requests.reduce((sum, { texts }) => sum + texts.length, 0) });
            return scoreTexts(requests);
          },
        }),
    reply: async (requests) => {
      const before = target.counts();
      const replies = await target.reply(requests);
      const { contextTokens } = target.counts();
      count({
        replies: replies.length,
        tokensRead: contextTokens - before.contextTokens,
        tokensGenerated: replies.reduce(
          (sum, { reply }) => sum + (reply.tokens?.ids.length ?? Math.ceil(reply.text.length / 4)),
          0,
        ),
      });
      return replies;
    },
  };
}
