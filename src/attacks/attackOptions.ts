/** The options that every attack has. */
import type { z } from 'zod';
import { modelName } from '../base/schemaParts.js';

/** Keys that every attack has. */
export const attackKeys = {
  name: modelName.describe(
    'Name of the trained adversary (models/NAME) and of its row in the report. Default: the attack.',
  ),
} as const;

/** The options known of any attack. */
export type AttackOptions = { readonly attack: string; readonly name?: string | undefined };

/** The schema of an attack's options: an object whose `attack` is the attack's name. */
export type AttackSchema = z.ZodObject<{ attack: z.ZodLiteral<string> } & z.core.$ZodLooseShape>;
