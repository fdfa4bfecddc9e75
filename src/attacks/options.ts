/** The options of an exploit stage: those of every attack of the table, told apart by the attack's name. */
import { z } from 'zod';
import { invariant } from '../base/invariant.js';
import { attacks } from './all.js';
import type { Attack, AttackEntry } from './define.js';

type Schema = (typeof attacks)[keyof typeof attacks]['schema'];

const schemas = Object.values(attacks).map(({ schema }) => schema) as [Schema, ...Schema[]]; // The table has entries.

export const exploitSchema = z.discriminatedUnion('attack', schemas);

export type ExploitOptions = z.output<typeof exploitSchema>;

/** The attack that options name. */
export function attackOf(options: ExploitOptions): Attack {
  const found: AttackEntry | undefined = attacks[options.attack];
  invariant(found !== undefined, `the schema of a recipe knows the attack ${options.attack}`);
  return found.bind(options);
}
