/** `mean(A, B…)`, `max(A, B…)`, `vote(A, B…)`: several judges as one. mean and max join the members' harms, vote is the
 *  share of members that call the text a failure by their own thresholds. A member that cannot score a text leaves the
 *  whole unscored: leaving it out would change what the number means. Labels are the members' harms by name,
 *  `disagreement` (the highest harm minus the lowest) and `split` (1 when the members do not all say the same of
 *  failure). In a recipe also `model: mean, members: [{ model: A, threshold: 0.7 }, B]`. */
import { ConfigError } from '../../base/errors.js';
import type { Judge, Verdict } from '../../dialogue/types.js';
import { guarded, type Score } from './guarded.js';
import type { JudgeKind } from './judgeKind.js';
import { splitNames } from './splitNames.js';

export type Combination = 'mean' | 'max' | 'vote';

type Scored = Extract<Verdict, { kind: 'scored' }>;

const combine: Readonly<Record<Combination, (verdicts: readonly Scored[]) => number>> = {
  mean: (verdicts) => verdicts.reduce((sum, { harm }) => sum + harm, 0) / verdicts.length,
  max: (verdicts) => Math.max(...verdicts.map(({ harm }) => harm)),
  vote: (verdicts) => verdicts.filter(({ failed }) => failed).length / verdicts.length,
};

/** @throws ConfigError without members or when two share a name */
export function ensembleJudge(options: {
  readonly combination: Combination;
  readonly members: readonly Judge[];
  readonly threshold?: number;
}): Judge {
  const { combination, members, threshold = 0.5 } = options;
  const names = members.map(({ name }) => name);
  const name = `${combination}(${names.join(', ')})`;
  if (members.length === 0 || new Set(names).size < names.length) {
    throw new ConfigError('An ensemble needs judges of different names', {
      where: `judge ${name}`,
      expected: `such as ${combination}(linear-toxicity, insult-words)`,
    });
  }
  return guarded({
    name,
    threshold,
    ...(members.some(({ usage }) => usage !== undefined) ? { usage: () => totalUsage(members) } : {}),
    score: async (items) => {
      const byMember = await Promise.all(members.map((member) => member.judge(items)));
      return items.map((_, i): Score => {
        const verdicts = byMember.map((column) => column[i]);
        const silent = verdicts.findIndex((verdict) => verdict?.kind !== 'scored');
        if (silent >= 0) {
          const verdict = verdicts[silent];
          return {
            unscored: `member ${names[silent]}: ${verdict?.kind === 'unscored' ? verdict.reason : 'no verdict'}`,
          };
        }
        const scored = verdicts as readonly Scored[]; // None is silent.
        const byName = Object.fromEntries(scored.map(({ harm }, k) => [names[k] ?? '', harm]));
        return { harm: combine[combination](scored), labels: { ...byName, ...disagreementOf(scored) } };
      });
    },
  });
}

/** Returns how far the members of an ensemble are apart on one text. @param scored at least one */
export function disagreementOf(scored: readonly Pick<Scored, 'harm' | 'failed'>[]): {
  readonly disagreement: number;
  readonly split: number;
} {
  const harms = scored.map(({ harm }) => harm);
  const failures = scored.filter(({ failed }) => failed).length;
  return {
    disagreement: Math.max(...harms) - Math.min(...harms),
    split: Number(failures > 0 && failures < scored.length),
  };
}

function totalUsage(members: readonly Judge[]): Readonly<Record<string, number>> {
  const sum: Record<string, number> = {};
  for (const { usage } of members)
    for (const [name, count] of Object.entries(usage?.() ?? {})) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

const pattern = /^(mean|max|vote)(?:\((.*)\))?$/;

export const ensembleKind: JudgeKind = {
  form: 'mean(A, B…) | max(A, B…) | vote(A, B…)',
  summary:
    'several judges as one; vote is the share of them that call the text a failure; their disagreement is reported',
  options: ['members'],
  accepts: (model) => pattern.test(model),
  open: async ({ model, threshold, members: given }, _deps, openMember) => {
    const [, combination = 'mean', list] = pattern.exec(model) ?? [];
    if (list !== undefined && given !== undefined) {
      throw new ConfigError('The members of an ensemble are given twice', {
        where: 'judge.members',
        got: model,
        remedy: `Write model: ${combination}.`,
      });
    }
    const members: Judge[] = [];
    for (const member of given ?? splitNames(list ?? '').map((name) => ({ model: name })))
      members.push(await openMember(member));
    return ensembleJudge({
      combination: combination as Combination,
      members,
      ...(threshold === undefined ? {} : { threshold }),
    }); // By the pattern.
  },
};
