/** Quantities that change from the first step of a search to its last. */
import { z } from 'zod';
import { notNegative, positive } from '../../base/schemaParts.js';

/** A quantity at the first step, and where it would be one step after the last. */
export interface Course {
  readonly from: number;
  readonly to: number;
}

/** A number stays as it is. */
export const courseSchema = z.union([positive, z.strictObject({ from: positive, to: positive })]).transform(asCourse);

/** The same, and it may be zero. */
export const weightSchema = z
  .union([notNegative, z.strictObject({ from: notNegative, to: notNegative })])
  .transform(asCourse);

function asCourse(value: number | Course): Course {
  return typeof value === 'number' ? { from: value, to: value } : value;
}

/** Equal factors per step. @param share of the steps that are done, in [0, 1) */
export function geometric({ from, to }: Course, share: number): number {
  return from * (to / from) ** share;
}

/** Equal amounts per step. */
export function linear({ from, to }: Course, share: number): number {
  return from + (to - from) * share;
}
