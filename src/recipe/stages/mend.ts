/** The stage `mend`: failures of the target become preference pairs, and are trained away. */
import { mendSchema, trainingName } from '../../mending/options.js';
import { mendWork } from '../../mending/work.js';
import { noTraits, type StageKind } from './stage.js';

export const mend: StageKind<typeof mendSchema> = {
  summary: 'train the failures of a run away, and nothing else',
  schema: mendSchema,
  inLoop: 'all but the last',
  traits: ({ name = 'mend', judge, failures, ordinary, candidates, measures, train }) => ({
    ...noTraits,
    name,
    judges: judge === undefined ? [] : [{ path: ['judge'], judge }],
    missing: failures.data === null ? 'failures.data' : null,
    files: [
      { key: 'failures.data', name: failures.data },
      { key: 'ordinary.data', name: ordinary.data },
      { key: 'ordinary.questions', name: ordinary.questions },
      { key: 'candidates.answers', name: candidates.answers },
      { key: 'candidates.borrow.data', name: candidates.borrow?.data },
      { key: 'measures.choices', name: measures.choices },
    ],
    broken:
      ordinary.data != null && ordinary.questions != null
        ? [
            {
              path: ['ordinary', 'questions'],
              message: 'ordinary dialogues are given by data already',
              remedy: 'leave one of them out',
            },
          ]
        : [],
    models: (['embedder', 'evasionJudge'] as const).map((key) => ({ key: `measures.${key}`, model: measures[key] })),
    speakers:
      candidates.writer === null
        ? []
        : [{ role: 'writer', path: ['candidates', 'writer'], speaker: candidates.writer }],
    takenNames: [`${name}-twin`],
    targets: train.map((training, i) => ({ name: trainingName(training), path: ['train', i, 'name'] })),
  }),
  work: mendWork,
};
