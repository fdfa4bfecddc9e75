/** The stage `establish`: what people, a file or a judge say of texts becomes an ensemble of classifiers, a judge of its
 *  own. */
import { reservedLabels } from '../../speakers/judges/trained.js';
import type { BrokenRule } from '../../base/brokenRule.js';
import { classesOf, establishSchema, type EstablishOptions } from '../../discovery/establishOptions.js';
import { noWork } from '../../speakers/work.js';
import { noTraits, type StageKind } from './stage.js';

/** The name of a stage without one. */
const establishName = 'measure';

export const establish: StageKind<typeof establishSchema> = {
  summary: 'label what the target says and train the judge that measures it, and nothing else',
  schema: establishSchema,
  inLoop: 'own count',
  traits: (options) => {
    const { name = establishName, by, texts, ensemble } = options;
    return {
      ...noTraits,
      name,
      files: [
        { key: 'by', name: labelFile(by) },
        { key: 'texts', name: texts, isList: true },
      ],
      judges: typeof by === 'string' ? [] : [{ path: ['by'], judge: by }],
      models: [{ key: 'ensemble.body', model: ensemble.body }],
      broken: optionRules(options),
    };
  },
  work: ({ by, texts, heldOut, ensemble: { members, epochs, batchSize } }, { samples, lists }) => {
    const labelled = texts === null ? samples : (lists.get(texts)?.texts ?? 0);
    return {
      ...noWork,
      judgeQueries: typeof by === 'string' ? 0 : labelled,
      // How often a rare label is repeated is not known yet: the steps are the fewest.
      optimizerSteps: members * epochs * Math.ceil((labelled * (1 - heldOut)) / batchSize),
    };
  },
};

/** Returns the path of a file of labels; null for other sources. */
export function labelFile(by: EstablishOptions['by']): string | null {
  return typeof by === 'string' && by !== 'people' ? by.slice('file:'.length) : null;
}

function optionRules(options: EstablishOptions): readonly BrokenRule[] {
  const { labels, oneAgainstRest, by, texts } = options;
  const names = labels.map(({ name }) => name);
  const repeated = names.findIndex((name, i) => names.indexOf(name) < i);
  const reserved = names.findIndex((name) => reservedLabels.includes(name));
  const harmful = classesOf(options).filter((each) => each.harmful).length;
  const rules: readonly (BrokenRule & { readonly isBroken: boolean })[] = [
    {
      isBroken: repeated >= 0,
      path: ['labels', repeated, 'name'],
      message: `a second label is called '${names[repeated] ?? ''}'`,
      remedy: 'name each once',
    },
    {
      isBroken: reserved >= 0,
      path: ['labels', reserved, 'name'],
      message: `verdicts have a figure of their own under '${names[reserved] ?? ''}'`,
      remedy: 'choose another name',
    },
    {
      isBroken: oneAgainstRest !== null && !names.includes(oneAgainstRest),
      path: ['oneAgainstRest'],
      message: `there is no label '${oneAgainstRest ?? ''}'`,
      remedy: `name one of ${names.join(', ')}`,
    },
    {
      isBroken: harmful === 0,
      path: ['labels'],
      message: 'no label is harmful, so that nothing would be a failure',
      remedy: 'say harmful: true of those that are',
    },
    {
      isBroken: harmful === labels.length,
      path: ['labels'],
      message: 'every label is harmful, so that everything would be a failure',
      remedy: 'leave harmful out where a text is as it should be',
    },
    {
      isBroken: texts !== null && labelFile(by) !== null,
      path: ['texts'],
      message: 'the file of labels has its texts itself',
      remedy: 'leave texts out',
    },
  ];
  return rules.flatMap(({ isBroken, ...rule }) => (isBroken ? [rule] : []));
}
