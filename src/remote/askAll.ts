/** Many questions at once, in order, a few in flight. After the first failure no further question is begun, but those
 *  in flight are waited for: what they bring is paid for and goes to the cache. */
import { BudgetError, InterruptedError } from '../base/errors.js';
import { present } from '../base/invariant.js';

/** @returns one answer per item, in order @throws the first failure; being asked to stop, or out of budget, comes before
 *    any other */
export async function askAll<In, Out>(
  items: readonly In[],
  concurrency: number,
  ask: (item: In, index: number) => Promise<Out>,
): Promise<readonly Out[]> {
  const answers: Out[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      const index = next++;
      try {
        answers[index] = await ask(present(items[index], 'an item to ask about'), index);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, work));
  if (failures.length > 0)
    throw failures.find((error) => error instanceof InterruptedError || error instanceof BudgetError) ?? failures[0];
  return answers;
}
