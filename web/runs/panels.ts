/** Which curves stand together: a panel per quantity, with the training values and the held-out ones of every stage. */
import type { Series } from './metrics.js';

export interface Line {
  readonly label: string;
  readonly series: Series;
  /** Place of its colour. */
  readonly colour: number;
  /** Few values from held-out prompts are dots on a line. */
  readonly isHeldOut: boolean;
}

export interface Panel {
  readonly name: string;
  readonly title: string;
  readonly isMain: boolean;
  readonly lines: readonly Line[];
}

/** A run with its series; of one run alone the name is left out of the labels. */
export interface Source {
  readonly name: string | null;
  readonly series: readonly Series[];
}

const titles: Readonly<Record<string, string>> = {
  loss: 'Loss',
  reward: 'Reward',
  replyHarm: 'Reply harm',
  replyFailureRate: 'Replies failed',
  adversaryNll: 'NLL per token',
  'rewards/margins': 'Margins',
};
const mainNames = Object.keys(titles);
const prefixes = /^(rollout|epoch|dev|train|objective)\//;

/** @param spending name of the amount whose curve is shown */
export function panelsOf(sources: readonly Source[], spending: string): readonly Panel[] {
  const groups = new Map<string, Line[]>();
  sources.forEach(({ name: run, series }, number) => {
    const names = new Set(series.map(({ stage, name }) => `${stage} ${name}`));
    const stages = [...new Set(series.map(({ stage }) => stage))];
    for (const each of series) {
      const base = each.name.replace(prefixes, '');
      // Averages over an epoch repeat what its steps have told.
      if (each.name.startsWith('epoch/') && names.has(`${each.stage} ${base}`)) continue;
      if (base.startsWith('spent/') && base !== `spent/${spending}`) continue;
      const isHeldOut = each.name.startsWith('dev/');
      const place = stages.length > 1 ? each.stage : '';
      const label = [run ?? '', place, isHeldOut ? 'held out' : ''].filter((part) => part !== '').join(' · ');
      const colour = run === null ? stages.indexOf(each.stage) : number;
      const lines = groups.get(base) ?? [];
      lines.push({ label: label === '' ? 'training' : label, series: each, colour, isHeldOut });
      groups.set(base, lines);
    }
  });
  return [...groups]
    .map(([name, lines]) => ({ name, title: titleOf(name), isMain: isMain(name), lines }))
    .sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name));
}

function titleOf(name: string): string {
  if (name.startsWith('spent/')) return 'Spending';
  return titles[name] ?? name;
}

function isMain(name: string): boolean {
  return mainNames.includes(name) || /(^|\/)kl(\/|$)/i.test(name) || name.startsWith('spent/');
}

function rank(name: string): number {
  const at = mainNames.indexOf(name);
  return at >= 0 ? at : name.startsWith('spent/') ? 98 : isMain(name) ? 50 : 99;
}

/** Names of the amounts that a run has curves of. */
export function spendingNames(sources: readonly Source[]): readonly string[] {
  const names = sources.flatMap(({ series }) => series.map(({ name }) => name));
  return [...new Set(names)].filter((name) => name.startsWith('spent/')).map((name) => name.slice('spent/'.length));
}

/** Returns values smoothed by an exponential mean without the pull of its start.
 *  @param weight of what was before, from 0 to 1 */
export function smoothed(values: readonly number[], weight: number): readonly number[] {
  if (weight === 0) return values;
  let [sum, norm] = [0, 0];
  return values.map((value) => {
    sum = weight * sum + (1 - weight) * value;
    norm = weight * norm + (1 - weight);
    return sum / norm;
  });
}
