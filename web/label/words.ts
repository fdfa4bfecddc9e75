/** Figures in words. */
import type { Pass, Progress } from '../../src/server/labels/protocol.js';

export function countOf(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
}

/** 'about 3 min left'; empty before it can be told and when nothing is left. */
export function timeLeft({ secondsLeft, open }: Progress): string {
  if (secondsLeft === null || open === 0) return '';
  if (secondsLeft < 45) return 'less than a minute left';
  const minutes = Math.round(secondsLeft / 60);
  if (minutes < 60) return `about ${String(Math.max(1, minutes))} min left`;
  const hours = secondsLeft / 3600;
  return `about ${hours < 10 ? hours.toFixed(1) : String(Math.round(hours))} h left`;
}

/** A coefficient of agreement; a dash where it is undefined. */
export function coefficient(value: number | null): string {
  return value === null ? '–' : value.toFixed(2).replace('-', '−');
}

/** Landis and Koch's words for a kappa, 1977: a custom, and no more than that. */
export function strength(value: number): string {
  const steps = [
    [0.8, 'almost perfect'],
    [0.6, 'substantial'],
    [0.4, 'moderate'],
    [0.2, 'fair'],
    [0, 'slight'],
  ] as const;
  return steps.find(([from]) => value > from)?.[1] ?? 'none beyond chance';
}

/** Says which item of the pass is shown. */
export function position(pass: Pass, { done, open, skipped, disagreements }: Progress): string {
  switch (pass) {
    case 'open':
      return open === 0
        ? 'One more item'
        : `Item ${(done + 1).toLocaleString('en')} of ${(done + open + skipped).toLocaleString('en')}`;
    case 'skipped':
      return `Skipped item, ${skipped.toLocaleString('en')} in all`;
    case 'disagreements':
      return `Disagreement, ${disagreements.toLocaleString('en')} in all`;
  }
}
