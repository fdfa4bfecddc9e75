/** A method or the shaping of rewards gathers this over the epochs (texts that were said, a replay buffer), beside the numbers of
 *  its memory. Checkpoints keep it, so that a resumed attack goes on as if it had never stopped. */
import type { CheckpointState } from '../../runs/checkpointState.js';

export interface Kept {
  /** Returns all of it, by names that nothing else in the attack's state has. */
  readonly save: () => CheckpointState;
  /** Takes the place of what was gathered. @param state of a checkpoint of this attack */
  readonly restore: (state: CheckpointState) => void;
}
