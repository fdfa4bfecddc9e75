/** A target that a stage has opened: on this machine, behind an endpoint, or a function. */
import type { Target } from '../../dialogue/types.js';
import type { SpeakerCounts } from '../localSpeaker.js';
import type { LocalTarget } from './local.js';

export interface OpenTarget extends Target {
  readonly counts: () => SpeakerCounts;
}

export function isLocalTarget(target: OpenTarget): target is LocalTarget {
  return target.provides.weights;
}
