/** The attacks by name: one folder and one line each. */
import type { AttackEntry } from './define.js';
import { ctb } from './ctb/ctb.js';
import { ipo } from './ipo/ipo.js';
import { sft } from './sft/sft.js';

export const attacks = { ipo, ctb, sft } as const satisfies Readonly<Record<string, AttackEntry>>;
