/** The parts of dialogue action tokens play dialogues alike. */
import { openStream, type StreamKey } from '../../base/random.js';
import type { RolloutCast } from '../../dialogue/rollout/exchange.js';
import type { Adversary, Prompt } from '../../dialogue/types.js';
import type { AttackContext } from '../attack.js';
import type { DatOptions } from './options.js';

/** Purposes of the attack's streams. */
export const streams = { cloned: 0, cloning: 1, weights: 2, explored: 3, replayed: 4 } as const;

export function castOf(
  { rolloutTarget, judge, join }: AttackContext,
  { reward, targetTexts, stopWhen }: DatOptions,
  adversary: Adversary,
): RolloutCast {
  return { adversary, target: rolloutTarget, judge, join, reward, targetTexts, stopWhen };
}

/** Draws this many prompts: all of them before one comes again. */
export function drawRepeatedly(prompts: readonly Prompt[], count: number, stream: StreamKey): readonly Prompt[] {
  const draws = openStream(stream);
  const drawn: Prompt[] = [];
  while (drawn.length < count) drawn.push(...draws.shuffle(prompts).slice(0, count - drawn.length));
  return drawn;
}
