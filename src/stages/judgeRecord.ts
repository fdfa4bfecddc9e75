/** The entry of a stage's judge in the manifest. */
import type { WatchedJudge } from '../dialogue/unscored.js';
import type { JsonObject } from '../base/json.js';

/** Returns the entry of a stage's judge in the manifest: its name (an attack is trained against it), the number of its
 *  unscored texts, and what it read. */
export function judgeRecord({ name, threshold, counts, usage }: WatchedJudge): JsonObject {
  const { texts, unscored, reasons } = counts();
  const [commonest] = reasons;
  return {
    name,
    threshold,
    texts,
    unscored,
    ...(commonest === undefined ? {} : { reason: commonest.reason }),
    ...(usage === undefined ? {} : { usage: usage() }),
  };
}
