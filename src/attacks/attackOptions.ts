/** The options that every attack has. */
import type { z } from 'zod';
import { modelName } from '../base/schemaParts.js';
import { type JudgeOptions, judgeSchema } from '../speakers/judges/options.js';

/** Keys that every attack has. */
export const attackKeys = {
  name: modelName.describe(
    'Name of the trained adversary (models/NAME) and of its row in the report. Default: the attack.',
  ),
  judge: judgeSchema
    .optional()
    .describe(
      'Whose verdicts the attack is trained or selected by, such as stage:NAME. Default: the judge of the recipe.',
    ),
} as const;

/** The options known of any attack. */
export type AttackOptions = {
  readonly attack: string;
  readonly name?: string | undefined;
  readonly judge?: JudgeOptions | undefined;
};

/** The schema of an attack's options: an object whose `attack` is the attack's name. */
export type AttackSchema = z.ZodObject<{ attack: z.ZodLiteral<string> } & z.core.$ZodLooseShape>;
