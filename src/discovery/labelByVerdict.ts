/** Reads a judge's verdict as a label of a set. */
import { ConfigError } from '../base/errors.js';
import type { Verdict } from '../dialogue/types.js';

export type NamedLabel = { readonly name: string; readonly harmful: boolean };

/** Returns the label with the highest value, where the judge's verdicts have a value for each label of the set by name;
 *  else the harmful label above the judge's threshold, and the harmless one at or below it. Null for no verdict.
 *  @throws ConfigError where neither can be read: the names differ, and there is not just one label of each kind */
export function labelByVerdict(verdict: Verdict, labels: readonly NamedLabel[], judge: string): string | null {
  if (verdict.kind === 'unscored') return null;
  const values = labels.flatMap(({ name }) => verdict.labels[name] ?? []);
  if (values.length === labels.length) return labels[values.indexOf(Math.max(...values))]?.name ?? null;
  const [harmful, harmless] = [true, false].map((kind) => labels.filter((label) => label.harmful === kind));
  const [bad, good] = [harmful?.[0], harmless?.[0]];
  if (labels.length === 2 && bad !== undefined && good !== undefined) return (verdict.failed ? bad : good).name;
  throw new ConfigError('The judge’s verdicts do not say which label a text has', {
    where: `judge ${judge}`,
    expected: 'verdicts with these labels, or one harmful and one harmless label',
    got: `labels ${labels.map(({ name }) => name).join(', ')}; verdicts with ${Object.keys(verdict.labels).join(', ') || 'harm alone'}`,
    remedy: 'Name the labels as the judge does, or leave two.',
  });
}
