/** The kinds of stages by name: one file and one line each; how they run is `src/stages/all.ts`. */
import type { z } from 'zod';
import { estimate } from './estimate.js';
import { establish } from './establish.js';
import { evaluate } from './evaluate.js';
import { exploit } from './exploit.js';
import { explore } from './explore.js';
import { mend } from './mend.js';
import { plant } from './plant.js';

export const stageKinds = { plant, explore, establish, exploit, mend, estimate, evaluate } as const;

export type StageKindName = keyof typeof stageKinds;
export type StageOptions<Kind extends StageKindName> = z.output<(typeof stageKinds)[Kind]['schema']>;
