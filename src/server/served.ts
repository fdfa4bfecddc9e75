/** The routes answer from these: the model that is served, the queue of its rows, and what a request may take. */
import type { Clock } from '../base/clock.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import type { RowQueue } from './rowQueue.js';

export interface ServedModel {
  /** Its name in requests. */
  readonly name: string;
  readonly model: LanguageModel;
  readonly queue: RowQueue;
  readonly clock: Clock;
  /** New tokens of a chat completion that asks for no number. */
  readonly defaultMaxTokens: number;
}

/** Sequences that one request may ask for, over all prompts. */
export const maxRowsPerRequest = 512;

/** Unix time, seconds. */
export function createdAt({ clock }: Pick<ServedModel, 'clock'>): number {
  return Math.floor(Date.parse(clock.isoNow()) / 1000);
}
