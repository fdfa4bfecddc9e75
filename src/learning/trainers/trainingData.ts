/** What trainers are given: token ids and numbers, no dialogue and no text. */

/** Two completions of one prefix, the first preferred. */
export interface TrainingPair {
  /** At least one token: the very ids that the completions were sampled after. */
  readonly prefix: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
  /** log p of each token under the frozen reference, nats. Lengths of `chosen` and `rejected`. */
  readonly referenceChosen: readonly number[];
  readonly referenceRejected: readonly number[];
}

/** A completion to imitate after its prefix; only the completion's tokens count. */
export interface TrainingExample {
  readonly prefix: readonly number[];
  readonly completion: readonly number[];
}
