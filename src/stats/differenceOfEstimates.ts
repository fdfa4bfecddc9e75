/** The difference of two independent estimates from their intervals alone. */

export interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Returns `after` minus `before` with an interval of their level, which need not be symmetric. Where the two were
 *  measured on the same prompts it is wider than a paired one.
 *  @source Zou & Donner 2008, the method of variance estimates recovery (MOVER), for independent estimates */
export function differenceOfEstimates(before: Estimate, after: Estimate): Estimate {
  const mean = after.mean - before.mean;
  return {
    mean,
    low: mean - Math.hypot(after.mean - after.low, before.high - before.mean),
    high: mean + Math.hypot(after.high - after.mean, before.mean - before.low),
  };
}
