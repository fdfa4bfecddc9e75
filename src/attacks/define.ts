/** From the definition of an attack, typed by its own options, to what the rest of the house works with: any attack,
 *  bound to the options of one stage. */
import type { z } from 'zod';
import type { AttackContext, AttackDefinition, AttackLengths, AttackOutcome, AttackTraits } from './attack.js';
import type { AttackOptions, AttackSchema } from './attackOptions.js';
import type { JudgeOptions } from '../speakers/judges/options.js';
import type { Work } from '../speakers/work.js';

/** The part that does not depend on options. */
type Fixed = Omit<AttackDefinition<AttackSchema>, 'schema' | 'traits' | 'work' | 'run'>;

/** An attack with the options of a stage. */
export interface Attack extends Fixed, Omit<AttackTraits, 'kind' | 'trainsOnJudge'> {
  readonly name: string;
  /** Its own judge; null for the recipe's. */
  readonly judge: JudgeOptions | null;
  readonly work: (facts: AttackLengths) => Work;
  readonly run: (context: AttackContext) => Promise<AttackOutcome>;
}

/** An attack of the table. */
export interface AttackEntry<Schema extends AttackSchema = AttackSchema> extends Fixed {
  readonly schema: Schema;
  /** @param options as this attack's schema gave them */
  readonly bind: (options: AttackOptions) => Attack;
}

export function defineAttack<Schema extends AttackSchema>(definition: AttackDefinition<Schema>): AttackEntry<Schema> {
  const { schema, traits, work, run, ...fixed } = definition;
  return {
    ...fixed,
    schema,
    bind: (given) => {
      const options = given as z.output<Schema>; // The recipe's schema has checked it by this attack's own.
      const bound = traits(options);
      return {
        ...fixed,
        ...bound,
        needs: [...fixed.needs, ...(bound.alsoNeeds ?? [])],
        name: given.attack,
        judge: given.judge ?? null,
        work: (facts) => work(options, facts),
        run: (context) => run(context, options),
      };
    },
  };
}
