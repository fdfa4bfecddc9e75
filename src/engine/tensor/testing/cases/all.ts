/** Sample cases of every op: an entry of the op table without one does not compile. */
import type { ops } from '../../ops/all.js';
import type { OpCase } from '../opCase.js';
import { elementwiseCases } from './elementwise.js';
import { modelCases } from './model.js';
import { shapeCases } from './shape.js';

export type OpName = keyof typeof ops;

export const opCases = { ...elementwiseCases, ...shapeCases, ...modelCases } as const satisfies Record<
  OpName,
  readonly OpCase[]
>;
