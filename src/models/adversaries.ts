/** Opens the adversaries of a recipe, trainable or frozen, on weights of their own or on weights that are open already,
 *  and the models that answer in the target's place. */
import { join } from 'node:path';
import { openAdapter } from '../engine/models/adapters/adapter.js';
import {
  adaptLanguageModel,
  copyLanguageModel,
  type LanguageModel,
  type OpenOptions,
  wearAdapter,
} from '../engine/models/languageModel.js';
import type { LoraConfig } from '../engine/models/adapters/lora.js';
import type { ValueHeadKind } from '../engine/models/valueHead.js';
import type { Prompt } from '../dialogue/types.js';
import type { Recipe } from '../recipe/recipe.js';
import type { OpenAdversary } from '../speakers/adversaries/endpoint.js';
import { createFindsAdversary } from '../speakers/adversaries/finds.js';
import { createLanguageModelAdversary, type LanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import { type AdversaryOptions, promptListFile, speakerKind, type SpeakerOptions } from '../speakers/options.js';
import { speakerFormat, speakerOptions } from '../speakers/speakerOptions.js';
import { listeners } from './rolloutSpeakers.js';
import { createLocalTarget } from '../speakers/targets/local.js';
import type { OpenTarget } from '../speakers/targets/openTarget.js';
import { sharedRow } from './castOrigins.js';
import { borrowed, type Handle, onHandle, owned, ownedModel } from './handle.js';
import type { ModelSource } from './modelSource.js';
import { openSteering } from '../learning/planner/openSteering.js';
import { readProduct } from './products.js';
import { openPromptList, openRemoteAdversary, openRemoteTarget, type RequestOptions } from './remoteSpeakers.js';
import type { Targets } from './targets.js';

export interface AdversaryToOpen {
  readonly name: string;
  /** A model folder with its weights; default: the recipe's adversary. */
  readonly folder?: string;
  readonly trainable: boolean;
  /** A new head that is trained beside it; default none. */
  readonly valueHead?: ValueHeadKind;
}

/** A frozen adversary of an evaluation. */
export interface RowToOpen extends Omit<AdversaryToOpen, 'trainable' | 'valueHead'> {
  /** Another adversary than the recipe's, or, with a folder, the options by which what is in it speaks. */
  readonly speaker?: AdversaryOptions;
}

export interface AdversaryParts {
  readonly recipe: Recipe;
  readonly source: ModelSource;
  readonly targets: Pick<Targets, 'localTarget' | 'known'>;
  readonly requests: RequestOptions;
  /** Reads the entries of a list of prompts. */
  readonly promptList: (file: string) => Promise<readonly string[]>;
  readonly testPrompts: () => Promise<readonly Prompt[]>;
}

/** Opens the adversary. With `adversary.lora` only an adapter is trained, on the target's own weights where both are the
 *  same model. */
export async function openAdversary(
  parts: AdversaryParts,
  { name, folder, trainable, valueHead: kind }: AdversaryToOpen,
): Promise<Handle<LanguageModelAdversary>> {
  const { recipe, source } = parts;
  const { lora } = recipe.adversary;
  const own = { name, trainable, valueHead: kind === undefined ? null : { kind, seed: recipe.seed } };
  const model =
    folder !== undefined
      ? ownedModel(await source.openModel(folder, own))
      : trainable && lora !== null
        ? await openAdapted(parts, lora, own)
        : ownedModel(await openStart(parts, own));
  return onHandle(model, (each) =>
    createLanguageModelAdversary(each, {
      ...speakerOptions(recipe.adversary),
      ...listeners(parts.requests, 'adversary'),
    }),
  );
}

type OwnOptions = Required<Pick<OpenOptions, 'name' | 'trainable' | 'valueHead'>>;

/** Opens the adversary as it starts. Weights that are open already are copied, not read again. */
async function openStart({ recipe, source, targets }: AdversaryParts, own: OwnOptions): Promise<LanguageModel> {
  const open = await targets.known(recipe.adversary.model);
  return open === null ? source.openModel(recipe.adversary.model, own) : copyLanguageModel(open, own);
}

/** Puts an adapter on the adversary's model, on the target's own weights where that is the same model. */
async function openAdapted(
  { recipe, source, targets }: Pick<AdversaryParts, 'recipe' | 'source' | 'targets'>,
  lora: LoraConfig,
  { name, valueHead }: Omit<OwnOptions, 'trainable'>,
): Promise<Handle<LanguageModel>> {
  const { where, ...base } = await openBase({ recipe, source, targets });
  const model = await adaptLanguageModel(base.value, lora, {
    seed: recipe.seed,
    name,
    source: where,
    valueHead: valueHead?.kind ?? null,
  });
  return owned(model, async () => {
    await model.close();
    await base.close();
  });
}

/** Opens what an adapter goes on: the target's own model where the adversary is the same. `where` is its name in the
 *  files of the adapter. */
export async function openBase({
  recipe,
  source,
  targets,
}: Pick<AdversaryParts, 'recipe' | 'source' | 'targets'>): Promise<Handle<LanguageModel> & { readonly where: string }> {
  const modelId = recipe.adversary.model;
  const open = modelId === recipe.target.model ? (await targets.localTarget()).model : await targets.known(modelId);
  const base =
    open === null ? ownedModel(await source.openModel(modelId, { trainable: false, name: modelId })) : borrowed(open);
  return { ...base, where: /^[./~]/.test(modelId) ? await source.modelPath(modelId) : modelId };
}

/** A language model that speaks with options of its own. */
export interface SpeakerToOpen {
  readonly name: string;
  readonly speaker: AdversaryOptions;
  /** Folder of its weights; default: the speaker's own model. */
  readonly folder?: string;
  /** Whether weights are fed to the program as in training; default false. */
  readonly trainable?: boolean;
}

export function openSpeaker(
  parts: AdversaryParts,
  { name, speaker, folder, trainable = false }: SpeakerToOpen,
): Promise<Handle<LanguageModelAdversary>> {
  const own = { ...parts, recipe: { ...parts.recipe, adversary: speaker } };
  return openAdversary(own, { name, trainable, ...(folder === undefined ? {} : { folder }) });
}

/** Opens the recipe's adversary as it is in training: with the adapter of a folder, not merged into its base.
 *  @param folder holds adapter/ in PEFT's layout */
export async function openWithAdapter(
  parts: AdversaryParts,
  { name, folder }: { readonly name: string; readonly folder: string },
): Promise<Handle<LanguageModelAdversary>> {
  const { value: base, close } = await openBase(parts);
  const adapter = await openAdapter(base.device, base.architecture, join(folder, 'adapter'));
  const model = wearAdapter(base, adapter, { name, trainable: true });
  const worn = owned(model, async () => {
    await model.close();
    await close();
  });
  return onHandle(worn, (each) =>
    createLanguageModelAdversary(each, {
      ...speakerOptions(parts.recipe.adversary),
      ...listeners(parts.requests, 'adversary'),
    }),
  );
}

/** Opens a frozen adversary of any kind, for a row of an evaluation. */
export async function openFrozenAdversary(
  whole: AdversaryParts,
  { name, folder, speaker = whole.recipe.adversary }: RowToOpen,
): Promise<Handle<OpenAdversary>> {
  const parts = { ...whole, recipe: { ...whole.recipe, adversary: speaker } };
  const { requests } = parts;
  const product = folder === undefined ? null : readProduct(folder);
  if (product?.kind === 'finds') return borrowed(createFindsAdversary({ name, finds: product.finds }));
  if (product?.kind === 'planner' && folder !== undefined) return openSteered(parts, name, folder);
  if (speakerKind(speaker.model) === 'local' || folder !== undefined) {
    const opened = await openAdversary(parts, { name, trainable: false, ...(folder === undefined ? {} : { folder }) });
    return onHandle(opened, (value) => sharedRow(value, { name, speaker, folder: folder ?? null }));
  }
  const file = promptListFile(speaker.model);
  return borrowed(
    file === null
      ? openRemoteAdversary(speaker, requests)
      : openPromptList(speaker, await parts.promptList(file), await parts.testPrompts()),
  );
}

/** Opens the recipe's adversary, steered by the planner of a folder. */
async function openSteered(parts: AdversaryParts, name: string, folder: string): Promise<Handle<OpenAdversary>> {
  const { value, close } = await openAdversary(parts, { name, trainable: false });
  const steered = await openSteering(value.model, folder);
  return owned(value.steered(steered.steering), async () => {
    await steered.close();
    await close();
  });
}

/** Opens a frozen model that answers in the target's place. A model on this machine reads dialogues in the target's
 *  format unless the recipe names another. */
export async function openTeacher(
  { recipe, source, targets, requests }: AdversaryParts,
  speaker: SpeakerOptions,
): Promise<Handle<OpenTarget>> {
  if (speakerKind(speaker.model) !== 'local') return borrowed(await openRemoteTarget(speaker, requests, 'writer'));
  const open = await targets.known(speaker.model);
  const model =
    open === null
      ? ownedModel(await source.openModel(speaker.model, { trainable: false, name: speaker.model }))
      : borrowed(open);
  const { format = speakerFormat(recipe.target) } = speaker;
  return onHandle(model, (each) =>
    createLocalTarget(each, {
      ...speakerOptions({ ...speaker, format }),
      ...listeners(requests, 'writer'),
    }),
  );
}

/** Opens the frozen model that the adversary is held close to; returns null when it is the target's own weights.
 *  @param adversary whose base, with the adapter off, is the reference where the recipe names no other
 *  @param start folder of the model that the adversary starts from, where that is not the recipe's adversary */
export async function openReference(
  { recipe, source, targets }: AdversaryParts,
  adversary: LanguageModel,
  start?: string,
): Promise<Handle<LanguageModel> | null> {
  if (start !== undefined && recipe.reference === null)
    return ownedModel(await source.openModel(start, { trainable: false, name: start }));
  const modelId = recipe.reference ?? recipe.adversary.model;
  if (modelId === recipe.target.model) return null;
  const open =
    modelId === recipe.adversary.model && adversary.base !== null ? adversary.base : await targets.known(modelId);
  return open === null
    ? ownedModel(await source.openModel(modelId, { trainable: false, name: modelId }))
    : borrowed(open);
}
