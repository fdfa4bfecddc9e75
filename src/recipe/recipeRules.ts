/** Rules of a recipe that reach across keys. Each broken one names the key to change. */
import type { AttackProduct } from '../attacks/attack.js';
import type { BrokenRule } from '../base/brokenRule.js';
import { establishRules } from './establishRules.js';
import { estimateRules } from './estimateRules.js';
import { exploreRules } from './exploreRules.js';
import { mendRules } from './mendRules.js';
import { nearest } from '../base/nearest.js';
import {
  mendedNames,
  originalTarget,
  recipeSpeakers,
  recipeStages,
  stagesLeftOut,
  stagesOfKind,
  untunedRow,
  targetNames,
} from './recipe.js';
import { promptRules } from './promptRules.js';
import { loopRules } from './loopRules.js';
import { stageKinds } from './stages/all.js';
import type { Recipe, RecipeStage } from './recipe.js';
import { remoteRules } from './remoteRules.js';
import { speakerKind, type SpeakerOptions } from '../speakers/options.js';

export function recipeRules(recipe: Recipe): readonly BrokenRule[] {
  const stages = recipeStages(recipe);
  return [
    ...recipeSpeakers(recipe).flatMap(({ path, speaker }) => speakerRules(path, speaker)),
    ...remoteRules(recipe, stages),
    ...promptRules(recipe, stages),
    ...nameRules(stages),
    ...startRules(recipe, stages),
    ...exploreRules(recipe),
    ...establishRules(recipe),
    ...estimateRules(recipe),
    ...mendRules(recipe, stages),
    ...modelNameRules(stages),
    ...evaluationRules(recipe),
    ...loopRules(recipe),
    ...stages.flatMap(optionRules),
  ];
}

function speakerRules(path: BrokenRule['path'], speaker: SpeakerOptions): readonly BrokenRule[] {
  const out: BrokenRule[] = [];
  if (speaker.minNewTokens > speaker.maxNewTokens) {
    out.push({
      path: [...path, 'minNewTokens'],
      message: `must not exceed maxNewTokens (${speaker.maxNewTokens})`,
      remedy: null,
    });
  }
  const chats =
    speaker.format === 'chat' ||
    (speaker.format === undefined && ['openai', 'http'].includes(speakerKind(speaker.model)));
  if (speaker.system !== undefined && !chats) {
    out.push({
      path: [...path, 'system'],
      message: 'only the chat format has a system instruction',
      remedy: 'set format: chat',
    });
  }
  return out;
}

function nameRules(stages: readonly RecipeStage[]): readonly BrokenRule[] {
  const out: BrokenRule[] = [];
  const seen = new Set<string>();
  for (const { kind, name, index, traits } of stages) {
    const at = ['stages', index] as const;
    if (seen.has(name)) {
      out.push(
        traits.isOnce
          ? { path: at, message: `a recipe has one stage ${kind}`, remedy: `put all of it in one ${kind} stage` }
          : {
              path: [...at, kind],
              message: `a second stage is called '${name}'`,
              remedy: 'give it a name: of its own',
            },
      );
    }
    if (traits.attack !== null && (name === untunedRow || name in stageKinds)) {
      out.push({ path: [...at, kind, 'name'], message: `'${name}' is taken`, remedy: 'choose another name' });
    }
    seen.add(name);
  }
  return out;
}

/** An attack starts from what an earlier stage has trained. */
function startRules({ adversary }: Recipe, stages: readonly RecipeStage[]): readonly BrokenRule[] {
  return stages.flatMap(({ kind, index, traits: { attack } }): readonly BrokenRule[] => {
    const from = attack?.startsFrom ?? null;
    if (from === null) return [];
    const broken = (message: string, remedy: string): readonly BrokenRule[] => [
      { path: ['stages', index, kind, 'from'], message, remedy },
    ];
    if (adversary.lora !== null && attack?.adversary === 'trains')
      return broken('an adapter starts on the recipe’s adversary', 'leave it out, or set adversary.lora: null');
    if (adversary.trainer !== null && attack?.adversary === 'trains')
      return broken('a trainer elsewhere starts on its own base', 'leave it out, or set adversary.trainer: null');
    // What only speaks may be any adversary that draws: a search says the same each time.
    const isStart = (product: AttackProduct): boolean =>
      attack?.adversary === 'prompts' ? product !== 'finds' : product === attack?.product;
    const trained = stages.filter(
      (stage) => stage.index < index && stage.traits.attack !== null && isStart(stage.traits.attack.product),
    );
    return unknownNames(
      [from],
      trained.map(({ name }) => name),
    ).flatMap(({ remedy }) => broken(`no earlier stage trains '${from}'`, remedy));
  });
}

function optionRules({ kind, index, traits }: RecipeStage): readonly BrokenRule[] {
  return traits.broken.map(({ path, ...rule }) => ({ ...rule, path: ['stages', index, kind, ...path] }));
}

/** Rows and targets of an evaluation are what earlier stages make. */
function evaluationRules(recipe: Recipe): readonly BrokenRule[] {
  return stagesOfKind(recipe, 'evaluate').flatMap(({ index, options }) => {
    const trained = [...recipeStages(recipe), ...stagesLeftOut(recipe)].filter((stage) => stage.index < index);
    const others = Object.keys(options.adversaries ?? {});
    const played = [untunedRow, ...others, ...trained.map(({ name }) => name)];
    return [
      ...adversaryNameRules(recipe, others).map(({ name, ...rule }) => ({
        path: ['stages', index, 'evaluate', 'adversaries', name],
        ...rule,
      })),
      ...unknownNames(options.rows, played).map(({ i, name, remedy }) => ({
        path: ['stages', index, 'evaluate', 'rows', i],
        message: `no earlier stage trains '${name}'${others.length === 0 ? '' : ', and adversaries has no such name'}`,
        remedy,
      })),
      ...unknownNames(options.baseline === undefined ? [] : [options.baseline], options.rows ?? played).map(
        ({ name, remedy }) => ({
          path: ['stages', index, 'evaluate', 'baseline'],
          message: `'${name}' is no row of this evaluation`,
          remedy,
        }),
      ),
      ...unknownNames(options.targets, targetNames(recipe, options)).map(({ i, name, remedy }) => ({
        path: ['stages', index, 'evaluate', 'targets', i],
        message: `no stage makes the target '${name}', and furtherTargets has no such name`,
        remedy,
      })),
      ...Object.keys(options.furtherTargets ?? {}).flatMap((name) =>
        [originalTarget, ...mendedNames(recipe)].includes(name)
          ? [
              {
                path: ['stages', index, 'evaluate', 'furtherTargets', name],
                message: `a second target is called '${name}'`,
                remedy: 'give it a name of its own',
              },
            ]
          : [],
      ),
    ];
  });
}

/** A row of an evaluation has a name of its own, which stands in unit names and before an '@' as well. */
function adversaryNameRules(
  recipe: Recipe,
  names: readonly string[],
): readonly { readonly name: string; readonly message: string; readonly remedy: string }[] {
  const rounds = Array.from({ length: recipe.loop?.rounds ?? 0 }, (_, i) => `-${String(i + 1)}`);
  const trained = [...recipeStages(recipe), ...stagesLeftOut(recipe)].flatMap(({ name }) =>
    ['', ...rounds].map((round) => `${name}${round}`),
  );
  return names.flatMap((name) => {
    if (name === untunedRow)
      return [
        {
          name,
          message: `'${name}' is the adversary of the recipe as it starts`,
          remedy: 'change it under adversary, or choose another name',
        },
      ];
    if (trained.includes(name))
      return [
        { name, message: `expected a name of its own, got that of a stage, '${name}'`, remedy: 'choose another name' },
      ];
    return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)
      ? []
      : [
          {
            name,
            message: `expected letters, digits, dot, dash and underscore, got '${name}'`,
            remedy: 'choose another name',
          },
        ];
  });
}

function unknownNames(
  names: readonly string[] | undefined,
  known: readonly string[],
): readonly { readonly i: number; readonly name: string; readonly remedy: string }[] {
  return (names ?? []).flatMap((name, i) => {
    if (known.includes(name)) return [];
    const close = nearest(name, known);
    return [{ i, name, remedy: close === null ? `known: ${known.join(', ')}` : `did you mean '${close}'?` }];
  });
}

/** Under models/ every name is one model. */
function modelNameRules(stages: readonly RecipeStage[]): readonly BrokenRule[] {
  const taken = new Set<string>([untunedRow, originalTarget, 'evaluate', 'twin']);
  const out: BrokenRule[] = [];
  for (const { name, kind, index, traits } of stages) {
    if (traits.attack !== null) taken.add(name);
    for (const target of traits.targets) {
      if (taken.has(target.name)) {
        out.push({
          path: ['stages', index, kind, ...target.path],
          message: `a second model is called '${target.name}'`,
          remedy: 'give it a name: of its own',
        });
      }
      taken.add(target.name);
    }
    for (const other of traits.takenNames) taken.add(other);
  }
  return out;
}
