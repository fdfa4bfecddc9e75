/** Counts the work of a recipe's stages before anything runs: queries, tokens read and
 *  generated, judged texts, pairs, optimizer steps. Every kind of stage and every attack counts its own work; this
 *  puts the counts together. Pure arithmetic. */
import {
  attackerOf,
  type EvaluatedAdversary,
  evaluatedAdversaries,
  evaluatedPrompts,
  isFurther,
} from '../recipe/adversaries.js';
import {
  targetNames,
  type Recipe,
  recipeStages,
  type RecipeStage,
  stagesOfKind,
  trainedReward,
} from '../recipe/recipe.js';
import { present } from '../base/invariant.js';
import { mostKept } from '../discovery/options.js';
import { stageKinds } from '../recipe/stages/all.js';
import type { StageKind, StageLengths } from '../recipe/stages/stage.js';
import type { DemonstrationLengths, DialogueLengths, ListLengths, SpeakerLengths } from '../speakers/calls.js';
import { repeatWork, type Work } from '../speakers/work.js';
import type { z } from 'zod';

export interface WorkloadFacts extends DialogueLengths {
  /** By the name of the stage. */
  readonly demonstrations: ReadonlyMap<string, DemonstrationLengths>;
  /** Texts of the lists that stages read, by file as the recipe writes it. */
  readonly lists: ReadonlyMap<string, ListLengths>;
  /** Lengths of adversaries beside the recipe's: the evaluation's own by name, those of attacks by `attackerName`. */
  readonly otherAdversaries: ReadonlyMap<string, SpeakerLengths>;
}

/** The name of the adversary that a stage prompts, among the adversaries of a recipe. */
export function attackerName(stage: string): string {
  return `${stage}/attacker`;
}

export interface StageWork extends Work {
  readonly stage: string;
  /** Whether what speaks for the adversary is in training. */
  readonly trainsAdversary: boolean;
}

/** One entry per stage, in order; stages without their data are left out, as a run leaves them out. In a loop an entry
 *  is all rounds of it. */
export function workloadOf(recipe: Recipe, facts: WorkloadFacts): readonly StageWork[] {
  return recipeStages(recipe).map((stage) => {
    const { label, work, inLoop } = stageKinds[stage.kind] as StageKind<z.ZodType>; // Its schema has checked the options.
    const lengths = lengthsOf(recipe, stage, facts);
    const rounds = roundsOf(recipe, inLoop);
    const name = label?.(lengths) ?? stage.name;
    return {
      ...repeatWork(work(stage.options, lengths), rounds),
      stage: rounds === 1 ? name : `${name} (${String(rounds)} rounds)`,
      trainsAdversary: stage.traits.attack?.adversary === 'trains',
    };
  });
}

function roundsOf({ loop }: Recipe, inLoop: StageKind<z.ZodType>['inLoop']): number {
  if (loop === null || inLoop === 'own count') return 1;
  return inLoop === 'every round' ? loop.rounds : loop.rounds - 1;
}

function lengthsOf(
  recipe: Recipe,
  stage: RecipeStage,
  { adversary, target, demonstrations, lists, otherAdversaries }: WorkloadFacts,
): StageLengths {
  const [evaluation] = stagesOfKind(recipe, 'evaluate');
  const adversaries = evaluatedAdversaries(recipe, evaluation?.options ?? {});
  const { name } = stage;
  const attacker = attackerOf(recipe, stage.traits);
  const targets = evaluation?.options.targets?.length ?? targetNames(recipe, evaluation?.options ?? {}).length;
  return {
    adversary:
      attacker === null ? adversary : present(otherAdversaries.get(attackerName(name)), 'lengths of the attacker'),
    target,
    attacker,
    speakers: { target: recipe.target, adversary: recipe.adversary, reference: recipe.reference },
    evaluated: evaluatedPrompts(recipe),
    demonstrations: demonstrations.get(name) ?? null,
    lists,
    samples: stagesOfKind(recipe, 'explore').reduce(
      (sum, { options }) => sum + mostKept(options) + (lists.get(options.add ?? '')?.texts ?? 0),
      0,
    ),
    horizon: Math.max(1, ...recipeStages(recipe).map(({ traits }) => traits.attack?.horizon ?? 1)),
    trained: trainedReward(recipe),
    rows: {
      adversaries: adversaries.map((row) => row.adversary),
      played: playedRows(
        recipe,
        adversaries.filter((row) => !isFurther(row) && !row.isFound),
        targets,
      ),
      found: playedRows(
        recipe,
        adversaries.filter(({ isFound }) => isFound),
        targets,
      ),
      others: adversaries.filter(isFurther).map((row) => ({
        speaker: row.speaker,
        lengths: present(otherAdversaries.get(row.adversary), 'lengths of each adversary'),
        played: playedRows(recipe, [row], targets),
      })),
    },
  };
}

/** How many rows an evaluation plays: adversaries by targets, or in a loop in every round those that no stage trains and
 *  all trained so far. */
function playedRows({ loop }: Recipe, adversaries: readonly EvaluatedAdversary[], targets: number): number {
  if (loop === null) return adversaries.length * targets;
  const untrained = adversaries.filter(({ speaker }) => speaker !== null).length;
  const { rounds } = loop;
  return untrained * rounds + (adversaries.length - untrained) * ((rounds * (rounds + 1)) / 2);
}
