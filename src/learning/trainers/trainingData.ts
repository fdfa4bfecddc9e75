/** Trainers take these data: token ids and numbers, no dialogue and no text. */

/** Two completions of one prefix, the first preferred; for ADPO, a third that is to become less likely. */
export interface TrainingPair {
  /** At least one token: the very ids that the completions were sampled after. */
  readonly prefix: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
  /** log p of each token under the frozen reference, nats. Lengths of `chosen` and `rejected`. */
  readonly referenceChosen: readonly number[];
  readonly referenceRejected: readonly number[];
  /** A reply that shows the failure, read after this same prefix though it may have been sampled after another. */
  readonly toxic?: readonly number[];
  /** log p of each of its tokens under the frozen reference, nats: after this prefix, or after the one that it was
   *  sampled after. */
  readonly referenceToxic?: readonly number[];
  /** How much further the chosen completion should rise over the reference than the rejected one, nats: what the
   *  objective `ctb` reads. */
  readonly soughtMargin?: number;
  /** A completion of another prefix that is to stay as likely as it was. */
  readonly anchor?: TrainingAnchor;
}

/** A completion after its prefix, and log p of each of its tokens as it should stay, nats. */
export interface TrainingAnchor extends TrainingExample {
  readonly reference: readonly number[];
}

/** A completion to imitate after its prefix; only the completion's tokens count. */
export interface TrainingExample {
  readonly prefix: readonly number[];
  readonly completion: readonly number[];
}
