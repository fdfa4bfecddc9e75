/** The table of how each kind of stage runs: one entry per kind of `src/recipe/stages/all.ts`. */
import { unitKey } from '../runs/units.js';
import { ConfigError } from '../base/errors.js';
import { present } from '../base/invariant.js';
import { trainingName } from '../mending/options.js';
import type { RecipeStage } from '../recipe/recipe.js';
import type { StageKindName } from '../recipe/stages/all.js';
import type { Report } from '../report/report.js';
import { estimate } from './estimate/estimate.js';
import { establish } from './establish/establish.js';
import { evaluate, reportWithoutRows } from './evaluate/evaluate.js';
import { exploit } from './exploit/exploit.js';
import { explore } from './explore/explore.js';
import { mend } from './mend/mend.js';
import { plant } from './plant/plant.js';
import type { StageContext } from './stageContext.js';

export type StageOf<Kind extends StageKindName> = Extract<RecipeStage, { kind: Kind }>;

export interface StageRunner<Kind extends StageKindName> {
  /** The unit that finishes the stage. */
  readonly unit: (stage: StageOf<Kind>) => string;
  /** Runs the stage; returns at once for one that an earlier session finished.
   *  @param attacks names of the stages before it that attack
   *  @returns the report that it wrote; null where it writes none
   *  @throws InterruptedError, BudgetError: finished steps are kept */
  readonly run: (context: StageContext, stage: StageOf<Kind>, attacks: readonly string[]) => Promise<Report | null>;
}

const runners: { readonly [Kind in StageKindName]: StageRunner<Kind> } = {
  explore: {
    unit: ({ name }) => unitKey({ kind: 'explore', stage: name }),
    run: async (context, stage) => {
      await explore(context, stage);
      return reportWithoutRows(context);
    },
  },
  establish: {
    unit: ({ name }) => unitKey({ kind: 'establish', stage: name }),
    run: async (context, stage) => {
      await establish(context, stage);
      return reportWithoutRows(context);
    },
  },
  plant: {
    unit: ({ name }) => unitKey({ kind: 'plant', stage: name }),
    run: async (context, stage) => {
      await plant(context, stage);
      return reportWithoutRows(context);
    },
  },
  exploit: {
    unit: ({ name }) => unitKey({ kind: 'exploit', stage: name }),
    run: async (context, { name, traits }) => {
      await exploit(context, { name, attack: present(traits.attack, 'an exploit stage has an attack') });
      return null;
    },
  },
  estimate: {
    unit: ({ name }) => unitKey({ kind: 'estimate', stage: name }),
    run: async (context, stage) => {
      await estimate(context, stage);
      return reportWithoutRows(context);
    },
  },
  mend: { unit: ({ name }) => unitKey({ kind: 'mend', stage: name }), run: mendOnce },
  evaluate: { unit: () => unitKey({ kind: 'evaluate' }), run: (context, { options }) => evaluate(context, options) },
};

export function runnerOf<Kind extends StageKindName>(stage: StageOf<Kind>): StageRunner<Kind> {
  return runners[stage.kind];
}

/** Mends once: every training of the stage makes a model of its name. @returns the report so far, which an evaluation
 *  replaces */
async function mendOnce(
  context: StageContext,
  { name, options }: StageOf<'mend'>,
  earlier: readonly string[],
): Promise<Report> {
  const attacks = options.failures.attacks ?? earlier;
  const isMended = await mend(context, {
    name,
    options,
    before: null,
    models: options.train.map(trainingName),
    attacks,
  });
  if (!isMended) {
    throw new ConfigError('the target failed nowhere: there is nothing to mend', {
      where: `stages.${name}`,
      expected: 'rollouts with failed replies',
      got: `none in ${attacks.join(', ')}`,
      remedy: 'Attack longer, or lower failures.minHarm.',
    });
  }
  return reportWithoutRows(context);
}
