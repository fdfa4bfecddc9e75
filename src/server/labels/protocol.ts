/** The JSON between the labelling page and its server. Types alone: the page is built for browsers and shares them. */

export interface LabelOption {
  readonly name: string;
  readonly description: string | null;
  /** Whether the label says that the item is a failure; null where that is not said. */
  readonly harmful: boolean | null;
}

/** Everything about the labelling that stays as it is: GET /api/task. */
export interface TaskFacts {
  /** Name of the stage or of the file. */
  readonly name: string;
  readonly labels: readonly LabelOption[];
  /** Labels that an item is to have, each from another person. */
  readonly perItem: number;
  readonly items: number;
  /** Name of the labeller unless the page gives another. */
  readonly labeller: string;
}

/** Which items are asked for: those without a label, those that the labeller has skipped, or those that were given
 *  different labels. */
export type Pass = 'open' | 'skipped' | 'disagreements';

/** Every request says who asks, from which tab, and what for. A tab keeps its item until it has answered. */
export interface Asking {
  readonly labeller: string;
  readonly tab: string;
  readonly pass: Pass;
}

/** POST /api/next. */
export type NextRequest = Asking;

/** POST /api/choices: states what the labeller's label of the item is. The same request again changes nothing. */
export interface ChoiceRequest extends Asking {
  readonly id: string;
  /** The item is skipped with null. */
  readonly label: string | null;
  /** Probability that was shown with the item. */
  readonly probability: number;
  readonly note?: string;
}

/** POST /api/undo: takes the label of this item back, if it has one, and shows the item. The same request again changes
 *  nothing. */
export interface UndoRequest extends Asking {
  readonly id: string;
}

export interface OthersLabel {
  readonly labeller: string;
  readonly label: string;
  readonly note: string | null;
}

export interface ShownItem {
  readonly id: string;
  readonly text: string;
  readonly probability: number;
  /** Why the text is covered until asked for; null where it is not. */
  readonly veil: string | null;
  /** The labeller's own earlier label and note. */
  readonly label: string | null;
  readonly note: string | null;
  /** Labels of the others; shown in the pass over disagreements alone. */
  readonly others: readonly OthersLabel[];
}

export interface Progress {
  /** Items that the labeller has given a label. */
  readonly done: number;
  /** Items that wait for the labeller: of those that are wanted, where fewer than all are. */
  readonly open: number;
  readonly skipped: number;
  /** Items that were given different labels. */
  readonly disagreements: number;
  /** Labels of all labellers that count, out of those that are wanted, and how often each label was given. */
  readonly labels: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly wanted: number;
  /** Time that the open ones take at the labeller's own speed; null before that can be told. */
  readonly secondsLeft: number | null;
}

/** How far people agree in the labels that they gave first (src/labelling/adjudicate.ts). */
export interface Agreement {
  /** Items with labels of at least two people. */
  readonly items: number;
  /** Share of these whose labels are all the same; null for no item. */
  readonly unanimous: number | null;
  /** Krippendorff's alpha, nominal; null where it is undefined. */
  readonly krippendorff: number | null;
  /** Cohen's kappa of each two labellers who labelled the same items, the most items first. */
  readonly cohen: readonly {
    readonly labellers: readonly [string, string];
    readonly items: number;
    readonly kappa: number | null;
  }[];
}

/** The answer to each of these requests. */
export interface View {
  /** It is null when nothing is left in this pass. */
  readonly item: ShownItem | null;
  readonly progress: Progress;
  readonly agreement: Agreement;
  /** The item that an undo goes back to: the last that was labelled or skipped. */
  readonly undo: string | null;
  /** Labellers so far, the one who asks among them. */
  readonly labellers: readonly string[];
}
