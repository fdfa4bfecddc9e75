/** An estimate of a run depends on these facts: how long prompts, texts and utterances are, and how quickly the models
 *  go here. Reads tokenizers and the cache; opens no weights, asks no network. */
import { meanOrZero } from '../base/sums.js';
import { relative, resolve } from 'node:path';
import { EnvironmentError } from '../base/errors.js';
import type { Author, Prompt, ToxicContinuation } from '../dialogue/types.js';
import { architectureOf } from '../engine/models/all.js';
import { resolveModel } from '../engine/models/checkpoints/resolveModel.js';
import { specialTexts, tokenizerOf, withCheckpoint } from '../engine/models/storedModel.js';
import { parseChatTemplate } from '../engine/text/chatTemplate.js';
import { type ModelRates, rateKey, readRates } from './rates.js';
import { attackerOf, evaluatedAdversaries, isFurther } from '../recipe/adversaries.js';
import { type Recipe, recipeStages, stagesOfKind } from '../recipe/recipe.js';
import { stageKinds } from '../recipe/stages/all.js';
import type { StageKind } from '../recipe/stages/stage.js';
import type { z } from 'zod';
import { promptListFile, speakerKind, type SpeakerOptions } from '../speakers/options.js';
import type { LoadedRecipe } from '../recipe/readRecipe.js';
import { openFormat } from '../speakers/formats/all.js';
import { speakerFormat } from '../speakers/speakerOptions.js';
import { expectedLength, type RunRates } from './timeEstimate.js';
import type { SpeakerLengths, DemonstrationLengths, ListLengths } from '../speakers/calls.js';
import { attackerName, type WorkloadFacts } from './workload.js';

export interface RunFacts {
  readonly facts: WorkloadFacts;
  /** It is null when a model was not measured. */
  readonly rates: RunRates | null;
  /** How to measure the models that were not, one command per model. */
  readonly missing: readonly string[];
  /** Remarks for the reader of the estimate. */
  readonly notes: readonly string[];
}

/** The data of a recipe, read and filtered. */
export interface RunData {
  readonly prompts: PromptSets;
  readonly toxicContinuations: (query: {
    readonly data: string;
    readonly format?: string | undefined;
    readonly minHarm: number;
  }) => Promise<readonly ToxicContinuation[]>;
  readonly promptList: (file: string) => Promise<readonly string[]>;
}

interface PromptSets {
  readonly train: readonly Prompt[];
  readonly dev: readonly Prompt[];
  readonly test: readonly Prompt[];
}

/** The machine whose rates are looked up. */
export interface PlanningMachine {
  readonly threads: number;
  readonly device: string;
  readonly cacheDir: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Flags of `gadfly bench` that measure what this run will use. */
  readonly benchFlags: readonly string[];
}

export async function gatherFacts(loaded: LoadedRecipe, data: RunData, machine: PlanningMachine): Promise<RunFacts> {
  const { recipe } = loaded;
  const { prompts } = data;
  const open = modelFacts(loaded, machine);
  const [adversary, target] = [await open(recipe.adversary.model), await open(recipe.target.model)];
  const reference = await open(recipe.reference ?? recipe.adversary.model);
  const [asAdversary, asTarget] = [
    await ruler(adversary, recipe.adversary, 'adversary'),
    await ruler(target, recipe.target, 'target'),
  ];
  const others = await otherAdversaries(recipe, data, open);
  const models = [adversary, target, reference, ...others.flatMap(({ model, isList }) => (isList ? [] : [model]))];
  const unmeasured = models.filter(({ rates, isRemote }) => rates === null && !isRemote);
  return {
    facts: {
      adversary: lengthsOf(asAdversary, prompts, recipe.adversary, adversary.rates, 'adversary'),
      target: lengthsOf(asTarget, prompts, recipe.target, target.rates, 'target'),
      demonstrations: await demonstrationLengths(recipe, data, asAdversary),
      lists: await listLengths(recipe, data, asTarget),
      otherAdversaries: new Map(others.map(({ name, lengths }) => [name, lengths])),
    },
    rates: ratesOf({ adversary, target, reference }, others),
    missing: [...new Set(unmeasured.map(({ command }) => command))],
    notes: [
      ...new Set(
        models.flatMap(({ path, name, isRemote }) =>
          path === null
            ? [
                `${name} is not on this machine${isRemote ? '' : ' yet'}: ${charactersAToken} characters are taken for a token`,
              ]
            : [],
        ),
      ),
      ...guessedLength('adversary', recipe.adversary, adversary),
      ...guessedLength('target', recipe.target, target),
      ...others.flatMap(({ name, speaker, model, isList }) =>
        isList ? [] : guessedLength('adversary', speaker, model, `adversary ${name}`),
      ),
      ...adapterNote(recipe),
      ...stageRemarks(recipe),
    ],
  };
}

/** An adversary that an evaluation, or an attack, has of its own. */
interface OtherAdversary {
  readonly name: string;
  readonly speaker: SpeakerOptions;
  readonly model: ModelFacts;
  readonly lengths: SpeakerLengths;
  /** A list of prompts: it takes no time, and its lengths are those of its entries. */
  readonly isList: boolean;
}

async function otherAdversaries(
  recipe: Recipe,
  { prompts, promptList }: RunData,
  open: (modelId: string) => Promise<ModelFacts>,
): Promise<readonly OtherAdversary[]> {
  const out: OtherAdversary[] = [];
  const rows = stagesOfKind(recipe, 'evaluate').flatMap(({ options }) => evaluatedAdversaries(recipe, options));
  const attackers = recipeStages(recipe).flatMap((stage) => {
    const speaker = attackerOf(recipe, stage.traits);
    return speaker === null ? [] : [{ adversary: attackerName(stage.name), speaker }];
  });
  for (const { adversary: name, speaker } of [...rows.filter(isFurther), ...attackers]) {
    const model = await open(speaker.model);
    const measured = await ruler(model, speaker, 'adversary');
    const guessed = lengthsOf(measured, prompts, speaker, model.rates, 'adversary');
    const file = promptListFile(speaker.model);
    const entries = file === null ? [] : await promptList(file);
    const lengths = file === null ? guessed : { ...guessed, utterance: meanOrZero(entries.map(roughTokens)) };
    out.push({ name, speaker, model, lengths, isList: file !== null });
  }
  return out;
}

/** Returns null when a model that speaks was not measured. */
function ratesOf(
  { adversary, target, reference }: Readonly<Record<'adversary' | 'target' | 'reference', ModelFacts>>,
  others: readonly OtherAdversary[],
): RunRates | null {
  if (adversary.rates === null || target.rates === null || reference.rates === null) return null;
  const further = new Map<string, ModelRates>();
  for (const { speaker, model, isList } of others) {
    if (isList) continue;
    if (model.rates === null) return null;
    further.set(speaker.model, model.rates);
  }
  return {
    adversary: adversary.rates,
    target: target.rates,
    reference: reference.rates,
    otherAdversaries: further,
  };
}

function stageRemarks(recipe: Recipe): readonly string[] {
  return recipeStages(recipe).flatMap(({ kind, options }) => {
    const { remarks } = stageKinds[kind] as StageKind<z.ZodType>; // Its own schema has checked the options.
    return remarks?.(options) ?? [];
  });
}

/** `gadfly bench` trains all weights. */
function adapterNote({ adversary: { lora, trainer } }: Recipe): readonly string[] {
  if (trainer !== null)
    return ['training elsewhere is estimated as that of all weights on this machine; its tokens and dollars are not'];
  return lora === null ? [] : ['training is estimated as that of all weights: an adapter takes less time'];
}

function guessedLength(
  side: Author,
  options: SpeakerOptions,
  { rates }: ModelFacts,
  name: string = side,
): readonly string[] {
  if (rates !== null && measuredIn(rates, options, side)) return [];
  return [`the ${name}’s utterances are taken to fill their limit of ${options.maxNewTokens} tokens`];
}

interface ModelFacts {
  readonly name: string;
  /** It is null while the model is not on this machine. */
  readonly path: string | null;
  readonly rates: ModelRates | null;
  /** An endpoint, a service or a list of prompts. */
  readonly isRemote: boolean;
  /** Measures it. */
  readonly command: string;
}

function modelFacts(loaded: LoadedRecipe, machine: PlanningMachine): (modelId: string) => Promise<ModelFacts> {
  const { threads, device, cacheDir, benchFlags } = machine;
  return async (modelId) => {
    if (speakerKind(modelId) !== 'local')
      return { name: modelId, path: null, rates: null, isRemote: true, command: '' };
    const local = localName(modelId, loaded);
    const path = await modelHere(modelId, loaded, machine);
    const name = modelId.startsWith('.') ? relativePath(local) : modelId;
    return {
      name: modelId,
      path,
      isRemote: false,
      rates: path === null ? null : readRates(cacheDir, rateKey(path, { threads, device })),
      command: ['gadfly bench', name, ...benchFlags].join(' '),
    };
  };
}

function relativePath(path: string): string {
  const shown = relative(process.cwd(), path);
  return shown.startsWith('.') ? shown : `./${shown}`;
}

function localName(modelId: string, { source }: Pick<LoadedRecipe, 'source'>): string {
  return modelId.startsWith('.') ? resolve(source.folder, modelId) : modelId;
}

/** Returns the file or folder of a model that a recipe names, if it is here already: an estimate fetches nothing. */
export async function modelHere(
  modelId: string,
  loaded: Pick<LoadedRecipe, 'source'>,
  { cacheDir, environment }: Pick<PlanningMachine, 'cacheDir' | 'environment'>,
): Promise<string | null> {
  try {
    const resolved = await resolveModel(localName(modelId, loaded), { cacheDir, offline: true, environment });
    return resolved.kind === 'local' ? resolved.path : null;
  } catch (error) {
    if (error instanceof EnvironmentError) return null;
    throw error;
  }
}

/** Tokens of texts as a side of the dialogue reads and says them. */
interface Ruler {
  readonly prompt: (prompt: Prompt) => number;
  /** A text that was written elsewhere, as the side's first turn after the prompt. */
  readonly utterance: (prompt: Prompt, text: string, maxTokens: number) => number;
  readonly contextLength: number;
}

const charactersAToken = 4;

function roughTokens(text: string): number {
  return Math.ceil(text.length / charactersAToken);
}

async function ruler({ path }: ModelFacts, options: SpeakerOptions, role: Author): Promise<Ruler> {
  if (path === null) {
    const utterance: Ruler['utterance'] = (_prompt, text, maxTokens) => Math.min(roughTokens(text), maxTokens);
    return { prompt: ({ text }) => roughTokens(text), utterance, contextLength: Infinity };
  }
  return withCheckpoint(path, async (checkpoint) => {
    const tokenizer = tokenizerOf(checkpoint);
    const format = openFormat(speakerFormat(options), {
      role,
      tokenizer,
      chatTemplate:
        checkpoint.chatTemplate === null ? null : parseChatTemplate(checkpoint.chatTemplate, specialTexts(tokenizer)),
      maxContextTokens: Number.MAX_SAFE_INTEGER,
      ...(options.system === undefined ? {} : { system: options.system }),
    });
    return {
      prompt: (prompt) => format.context({ prompt, turns: [] }).ids.length,
      utterance: (prompt, text, maxTokens) =>
        format.utterance(format.place({ prompt, turns: [] }, text), maxTokens).length,
      contextLength: architectureOf(checkpoint.config, 'language', path).config.contextLength,
    };
  });
}

function lengthsOf(
  { prompt, contextLength }: Ruler,
  sets: PromptSets,
  options: SpeakerOptions,
  rates: ModelRates | null,
  side: Author,
): SpeakerLengths {
  const { maxNewTokens, maxContextTokens } = options;
  const known = rates !== null && measuredIn(rates, options, side);
  return {
    prompts: { train: sets.train.map(prompt), dev: sets.dev.map(prompt), test: sets.test.map(prompt) },
    utterance:
      (known ? expectedLength(rates.utterances[side], rates.utterances.limit, maxNewTokens) : null) ?? maxNewTokens,
    maxContext: Math.max(1, Math.min(maxContextTokens, contextLength - maxNewTokens)),
  };
}

/** Lengths of one format say nothing of another. */
function measuredIn({ utterances }: ModelRates, options: SpeakerOptions, side: Author): boolean {
  return utterances.format === speakerFormat(options) && utterances[side].length > 0;
}

async function demonstrationLengths(
  recipe: Recipe,
  { prompts: { train }, toxicContinuations }: RunData,
  { prompt, utterance }: Ruler,
): Promise<ReadonlyMap<string, DemonstrationLengths>> {
  const out = new Map<string, DemonstrationLengths>();
  const ordinary = meanOrZero(train.map(prompt));
  for (const { name, traits } of recipeStages(recipe)) {
    const query = traits.attack?.texts ?? null;
    if (query === null || query.data === null) continue;
    const all = await toxicContinuations({ data: query.data, format: query.format, minHarm: query.minHarm });
    const texts = all.slice(0, query.maxTexts ?? all.length);
    const limit = query.maxTokens ?? recipe.adversary.maxNewTokens;
    out.set(name, {
      texts: texts.length,
      prefix: meanOrZero(texts.map((text) => (text.prefix.text === '' ? ordinary : prompt(text.prefix)))),
      completion: meanOrZero(texts.map(({ prefix, continuation }) => utterance(prefix, continuation, limit))),
    });
  }
  return out;
}

/** Returns the texts of the lists that stages read, by file as the recipe writes it. */
async function listLengths(
  recipe: Recipe,
  { promptList }: RunData,
  { prompt }: Ruler,
): Promise<ReadonlyMap<string, ListLengths>> {
  const out = new Map<string, ListLengths>();
  const files = recipeStages(recipe).flatMap(({ traits }) => traits.files.filter(({ isList }) => isList === true));
  for (const { name } of files) {
    if (name === null || name === undefined) continue;
    const lengths = (await promptList(name)).map((text) => prompt({ id: name, text, conversationId: name }));
    out.set(name, { texts: lengths.length, tokens: lengths.reduce((sum, length) => sum + length, 0) });
  }
  return out;
}
