/** The part of a report on judges that a run has established, as far as it has come. */
import { z } from 'zod';
import { readAs } from '../../base/readAs.js';
import { stagesOfKind } from '../../recipe/recipe.js';
import { ensembleQualitySchema, labellingSchema } from '../../report/established.js';
import type { EstablishedReport } from '../../report/report.js';
import type { RunRecords } from '../../runs/runRecords.js';
import { unitKey } from '../../runs/units.js';
import type { StageContext } from '../stageContext.js';
import type { EstablishStage } from './givenLabels.js';
import { memberName } from './trainMembers.js';

type Recorded = Pick<StageContext, 'recipe'> & { readonly run: RunRecords };

const finishedSchema = z.object({ trained: z.int(), quality: ensembleQualitySchema });

export function establishSection({ run, recipe }: Recorded): readonly EstablishedReport[] {
  return stagesOfKind(recipe, 'establish').flatMap((stage): readonly EstablishedReport[] => {
    const labelling = run.completed(unitKey({ kind: 'establishLabels', stage: stage.name }));
    if (labelling === null) return [];
    const { by, labels } = stage.options;
    return [
      {
        name: stage.name,
        by: typeof by === 'string' ? by : by.model,
        descriptions: labels.map((label) => ({ ...label })),
        labelling: readAs(labellingSchema, labelling, `${run.path}/manifest.json: ${stage.name}`),
        ...ensembleOf({ run }, stage),
      },
    ];
  });
}

function ensembleOf(
  { run }: Pick<Recorded, 'run'>,
  { name, options }: EstablishStage,
): Pick<EstablishedReport, 'ensemble'> {
  const finished = run.completed(unitKey({ kind: 'establish', stage: name }));
  if (finished === null) return {};
  const { trained, quality } = readAs(finishedSchema, finished, `${run.path}/manifest.json: ${name}`);
  const names = Array.from({ length: options.ensemble.members }, (_, member) => memberName(member));
  const isWeak = (member: string): boolean =>
    run.completed(unitKey({ kind: 'establishMember', stage: name, member }))?.['isWeak'] === true;
  return { ensemble: { body: options.ensemble.body, trained, weak: names.filter(isWeak), quality } };
}
