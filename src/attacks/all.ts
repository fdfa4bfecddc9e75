/** The attacks by name: one file and one line each. The schema of an attack's options is in `runs/recipe.ts`. */
import type { ExploitOptions } from './options.js';
import type { AttackContext, AttackDefinition, AttackOutcome } from './attack.js';
import { ipo } from './ipo/ipo.js';
import { sft } from './sft/sft.js';

export const attacks = { ipo, sft } as const satisfies {
  readonly [Name in ExploitOptions['attack']]: AttackDefinition<Extract<ExploitOptions, { attack: Name }>>;
};

export function runAttack(context: AttackContext, options: ExploitOptions): Promise<AttackOutcome> {
  switch (options.attack) {
    case 'ipo':
      return attacks.ipo.run(context, options);
    case 'sft':
      return attacks.sft.run(context, options);
  }
}
