/** The choices so far, by item and by labeller, kept in memory and brought up to date from the file of choices:
 *  other processes may write to it as well. Choices of items that are not in the task are passed over. */
import { agreementFigures, type AgreementFigures } from '../../labelling/adjudicate.js';
import type { ChoiceFile } from '../../labelling/choiceFile.js';
import {
  addChoice,
  isStanding,
  type ChoicesByItem,
  type LabelChoice,
  type StandingChoice,
} from '../../labelling/labelChoice.js';

/** Gaps that speed is told from, and the longest that is work and not a break. */
const gapsKept = 50;
const longestGapMs = 120_000;
const none: readonly StandingChoice[] = [];

interface LabellerRecord {
  /** Items with a label of this person, in the order in which they were given. */
  readonly labelled: Set<string>;
  readonly skipped: Set<string>;
  readonly gapsMs: number[];
  latestMs: number | null;
}

export class ChoiceIndex {
  readonly #file: ChoiceFile;
  readonly #isItem: (id: string) => boolean;
  readonly #perItem: number;
  readonly #adjudicator: string | null;
  #byItem: ChoicesByItem = new Map();
  /** The choices of each item that count. */
  #standing = new Map<string, readonly StandingChoice[]>();
  /** Labels as they were first given, by item and labeller: a second pass, which sees what others said, changes them
   *  not. */
  #blind = new Map<string, Map<string, string>>();
  #labellers = new Map<string, LabellerRecord>();
  /** It is null when it has to be found anew. */
  #agreement: AgreementFigures | null = null;
  #seen = 0;
  #generation = 0;
  #tornTold = 0;

  constructor(
    file: ChoiceFile,
    { perItem, adjudicator }: { readonly perItem: number; readonly adjudicator: string | null },
    isItem: (id: string) => boolean,
  ) {
    this.#file = file;
    this.#perItem = perItem;
    this.#adjudicator = adjudicator;
    this.#isItem = isItem;
  }

  /** Reads what the file has more. @returns places of lines that were never finished, each told once
   *  @throws FormatError, EnvironmentError */
  refresh(): readonly string[] {
    const choices = this.#file.read();
    if (this.#file.generation !== this.#generation) {
      this.#byItem = new Map();
      this.#standing = new Map();
      this.#blind = new Map();
      this.#agreement = null;
      this.#labellers = new Map();
      [this.#seen, this.#tornTold, this.#generation] = [0, 0, this.#file.generation];
    }
    for (; this.#seen < choices.length; this.#seen++) {
      const choice = choices[this.#seen];
      if (choice !== undefined && this.#isItem(choice.id)) this.#take(choice);
    }
    const torn = this.#file.torn.slice(this.#tornTold);
    this.#tornTold += torn.length;
    return torn;
  }

  /** Writes a choice, which is on the disk when this returns. @throws EnvironmentError */
  add(choice: LabelChoice): void {
    this.#file.append(choice);
    this.refresh();
  }

  /** Number of lines of the file that were read. */
  get lines(): number {
    return this.#seen;
  }

  get labellers(): readonly string[] {
    return [...this.#labellers.keys()];
  }

  choice(id: string, labeller: string): LabelChoice | null {
    return this.#byItem.get(id)?.get(labeller) ?? null;
  }

  /** Returns the choices that count of an item. */
  standing(id: string): readonly StandingChoice[] {
    return this.#standing.get(id) ?? none;
  }

  labelled(labeller: string): ReadonlySet<string> {
    return this.#labellers.get(labeller)?.labelled ?? new Set();
  }

  skipped(labeller: string): ReadonlySet<string> {
    return this.#labellers.get(labeller)?.skipped ?? new Set();
  }

  /** Returns the mean time between two labels, breaks left out; null before five. */
  secondsPerLabel(labeller: string): number | null {
    const gaps = this.#labellers.get(labeller)?.gapsMs ?? [];
    return gaps.length < 5 ? null : gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length / 1000;
  }

  /** Returns how far labellers agree in the labels that they gave first. */
  agreement(): AgreementFigures {
    return (this.#agreement ??= agreementFigures(
      [...this.#blind.values()].map((ofItem) => [...ofItem].map(([labeller, label]) => ({ labeller, label }))),
    ));
  }

  #take(choice: LabelChoice): void {
    const { id, label, labeller } = choice;
    const others = this.standing(id).filter((each) => each.labeller !== labeller).length;
    addChoice(this.#byItem, choice);
    this.#standing.set(id, [...(this.#byItem.get(id)?.values() ?? [])].filter(isStanding));
    const record = this.#recordOf(labeller);
    record.labelled.delete(id);
    record.skipped.delete(id);
    (label === null ? record.skipped : record.labelled).add(id);
    const blind = this.#blind.get(id) ?? new Map<string, string>();
    this.#blind.set(id, blind);
    const before = blind.size;
    if (label === null) blind.delete(labeller);
    else if (!blind.has(labeller) && others < this.#perItem && labeller !== this.#adjudicator)
      blind.set(labeller, label);
    if (blind.size !== before && Math.max(blind.size, before) >= 2) this.#agreement = null;
    noteTime(record, Date.parse(choice.at));
  }

  #recordOf(labeller: string): LabellerRecord {
    let record = this.#labellers.get(labeller);
    if (record === undefined) {
      record = { labelled: new Set(), skipped: new Set(), gapsMs: [], latestMs: null };
      this.#labellers.set(labeller, record);
    }
    return record;
  }
}

function noteTime(record: LabellerRecord, atMs: number): void {
  if (!Number.isFinite(atMs)) return;
  const gap = record.latestMs === null ? null : atMs - record.latestMs;
  record.latestMs = atMs;
  if (gap === null || gap < 0 || gap > longestGapMs) return;
  record.gapsMs.push(gap);
  if (record.gapsMs.length > gapsKept) record.gapsMs.shift();
}
