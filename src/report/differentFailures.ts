/** The number of different failures in words: page, Markdown and terminal say the same. */
import type { Metrics, ReportRow } from './report.js';

/** Returns '12 different (8 new) of 61 that failed'; null where nothing failed or this was not counted. */
export function differentFailures({ diversityFindings: all, diversityFindingsNew: fresh }: Metrics): string | null {
  if (all === undefined || all.n === 0) return null;
  const isNew = fresh === undefined ? '' : ` (${String(fresh.mean)} new)`;
  return `${String(all.mean)} different${isNew} of ${String(all.n)} that failed`;
}

/** Returns a sentence over all rows with failures; null where there are none. */
export function differentFailuresSentence(rows: readonly Pick<ReportRow, 'name' | 'metrics'>[]): string | null {
  const counted = rows.flatMap(({ name, metrics }) => {
    const found = differentFailures(metrics);
    return found === null ? [] : [`${name} ${found}`];
  });
  if (counted.length === 0) return null;
  const fresh = rows.some(({ metrics }) => metrics['diversityFindingsNew'] !== undefined);
  const meaning = fresh
    ? 'Alike ones count once; new ones are near no text that was taught.'
    : 'Alike ones count once.';
  const isByMeaning = rows.some(({ metrics }) => metrics['diversityUniqueAttacks'] !== undefined);
  const encoder = isByMeaning ? '' : ' Alike is by words; with an encoder in evaluate.embed it is by meaning as well.';
  return `Utterances whose reply failed: ${counted.join('; ')}. ${meaning}${encoder}`;
}
