/** Problems that verifying finds: a place that is not as the evidence says it must be. */

export interface Problem {
  /** File, and the place in it: 'report.json: rows[1].metrics.replyFailureRate.mean'. */
  readonly place: string;
  readonly expected: string | number | boolean | null;
  readonly got: string | number | boolean | null;
}

/** Counts checks and keeps the problems that they find. */
export interface Findings {
  readonly problems: readonly Problem[];
  readonly checked: () => number;
  /** Counts one check. @param isRight whether it holds; else the problem is kept */
  readonly check: (isRight: boolean, problem: () => Problem) => void;
  /** Keeps what a part could not check, and why. */
  readonly leave: (place: string, why: string) => void;
  readonly unchecked: readonly Unchecked[];
}

export interface Unchecked {
  readonly place: string;
  readonly why: string;
}

/** More problems than these are counted, not kept: a changed record moves every figure. */
const mostKept = 1000;

export function openFindings(): Findings {
  const problems: Problem[] = [];
  const unchecked: Unchecked[] = [];
  let checked = 0;
  return {
    problems,
    unchecked,
    checked: () => checked,
    check: (isRight, problem) => {
      checked += 1;
      if (!isRight && problems.length < mostKept) problems.push(problem());
    },
    leave: (place, why) => void unchecked.push({ place, why }),
  };
}

/** Shows a value of JSON as a problem does: text, numbers and words as they are, the rest as JSON, cut short. */
export function shown(value: unknown): Problem['got'] {
  if (value === undefined) return 'nothing';
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}
