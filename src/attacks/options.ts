/** The options of an exploit stage: those of every attack, told apart by the attack's name. */
import { z } from 'zod';
import { ipoSchema } from './ipo/options.js';
import { sftSchema } from './sft/options.js';

export const exploitSchema = z.discriminatedUnion('attack', [ipoSchema, sftSchema]);

export type ExploitOptions = z.output<typeof exploitSchema>;
