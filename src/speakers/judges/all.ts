/** The table of judges and the way from a name to a judge. A new judge is a file and a line here. */
import { ConfigError } from '../../base/errors.js';
import type { Judge } from '../../dialogue/types.js';
import { nearest } from '../../base/nearest.js';
import { classifierKind } from './classifier.js';
import { containsKind } from './contains.js';
import { ensembleKind } from './ensemble.js';
import { functionKind } from './functionJudge.js';
import type { JudgeDeps, JudgeKind, JudgeSpec } from './judgeKind.js';
import { languageModelKind } from './languageModel.js';
import { insultWordsKind, lexiconKind } from './lexicon.js';
import { linearToxicityKind } from './linearToxicity.js';
import { organismModesKind } from './organismModes.js';
import { trainedKind } from './trained.js';

/** Asked in this order; the first that accepts a name opens it. */
export const judgeKinds = {
  'linear-toxicity': linearToxicityKind,
  'insult-words': insultWordsKind,
  lexicon: lexiconKind,
  contains: containsKind,
  'organism:modes': organismModesKind,
  ensemble: ensembleKind,
  classifier: classifierKind,
  trained: trainedKind,
  languageModel: languageModelKind,
  function: functionKind,
} as const satisfies Record<string, JudgeKind>;

/** Whether the verdicts of a judge of this name are facts: known without opening it. */
export function isExactJudge(model: string): boolean {
  return kindOf(model)?.isExact === true;
}

function kindOf(model: string): JudgeKind | undefined {
  return Object.values<JudgeKind>(judgeKinds).find(({ accepts }) => accepts(model));
}

/** Opens a judge by its name. Judges keep no resources of their own: a model's memory goes with the device.
 *  @throws ConfigError for a name that no kind knows, or an option that the kind does not have */
export async function openJudge(spec: JudgeSpec, deps: JudgeDeps): Promise<Judge> {
  const kind = kindOf(spec.model);
  if (kind === undefined) {
    const known = Object.values<JudgeKind>(judgeKinds).map(({ form }) => form);
    const close = nearest(spec.model, ['linear-toxicity', 'insult-words', 'organism:judge']);
    const remedy = close === null ? 'See `gadfly list judges`.' : `Did you mean '${close}'?`;
    throw new ConfigError('Unknown judge', {
      where: 'judge',
      expected: `one of ${known.join(', ')}`,
      got: JSON.stringify(spec.model),
      remedy,
    });
  }
  const own: readonly string[] = ['model', 'threshold', ...kind.options];
  const stranger = Object.entries(spec).find(([key, value]) => value !== undefined && !own.includes(key))?.[0];
  if (stranger !== undefined) {
    throw new ConfigError('This kind of judge has no such option', {
      where: `judge.${stranger}`,
      expected: own.join(', '),
      got: `${stranger} for ${spec.model}`,
    });
  }
  return kind.open(spec, deps, (member) => openJudge(member, deps));
}
