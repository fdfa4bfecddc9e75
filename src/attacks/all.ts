/** The attacks by name: one folder and one line each. */
import { z } from 'zod';
import { invariant } from '../base/invariant.js';
import type { Attack, AttackEntry } from './define.js';
import { ipo } from './ipo/ipo.js';
import { sft } from './sft/sft.js';

export const attacks = { ipo, sft } as const satisfies Readonly<Record<string, AttackEntry>>;

type Schema = (typeof attacks)[keyof typeof attacks]['schema'];

/** The options of an exploit stage: those of every attack, told apart by the attack's name. */
export const exploitSchema = z.discriminatedUnion(
  'attack',
  Object.values(attacks).map(({ schema }) => schema) as [Schema, ...Schema[]],
);

export type ExploitOptions = z.output<typeof exploitSchema>;

/** The attack that options name. */
export function attackOf(options: ExploitOptions): Attack {
  const found: AttackEntry | undefined = attacks[options.attack];
  invariant(found !== undefined, `the schema of a recipe knows the attack ${options.attack}`);
  return found.bind(options);
}
