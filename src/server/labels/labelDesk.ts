/** Hands out items and takes labels. Each tab of a page holds the item that it shows until it has answered, so that two
 *  tabs never show one person the same item, and a reload shows it again. What is asked is a state ("this item has this
 *  label of mine"), so that the same request twice changes nothing. A choice is on the disk before the next item is
 *  handed out. */
import type { Clock } from '../../base/clock.js';
import { openStream, streamKey } from '../../base/random.js';
import { textIndex } from '../../dialogue/identity.js';
import { resolveLabel } from '../../labelling/adjudicate.js';
import { chooseNext, type NextItem } from '../../labelling/chooseNext.js';
import { ChoiceFile } from '../../labelling/choiceFile.js';
import { badRequest } from '../apiError.js';
import { ChoiceIndex } from './choiceIndex.js';
import type { LabelItem, LabelTask } from './labelTask.js';
import type { Asking, ChoiceRequest, OthersLabel, Pass, UndoRequest, View } from './protocol.js';

/** Tabs that are remembered; the one that has been silent longest is forgotten. */
const mostTabs = 100;

interface Tab {
  readonly labeller: string;
  readonly pass: Pass;
  held: Held | null;
  /** Items that were answered in this pass, the latest last. */
  readonly answered: Set<string>;
}

interface Held {
  readonly item: LabelItem;
  readonly probability: number;
}

/** A view whose item has no veil yet. */
export interface DeskView extends Omit<View, 'item'> {
  readonly item:
    | (Held & { readonly label: string | null; readonly note: string | null; readonly others: readonly OthersLabel[] })
    | null;
}

export class LabelDesk {
  readonly task: LabelTask;
  readonly #clock: Clock;
  readonly #items: ReadonlyMap<string, LabelItem>;
  readonly #index: ChoiceIndex;
  readonly #onTorn: (where: string) => void;
  readonly #tabs = new Map<string, Tab>();
  #draws = 0;

  /** @throws FormatError for a file of choices that cannot be read, EnvironmentError */
  constructor(task: LabelTask, { clock, onTorn }: { readonly clock: Clock; readonly onTorn: (where: string) => void }) {
    this.task = task;
    this.#clock = clock;
    this.#onTorn = onTorn;
    this.#items = new Map(task.items.map((item) => [item.id, item]));
    this.#index = new ChoiceIndex(new ChoiceFile(task.choices), task, (id) => this.#items.has(id));
    this.#refresh();
  }

  /** Hands out the item that the tab holds, or the next. @throws FormatError, EnvironmentError */
  next(asking: Asking): DeskView {
    this.#refresh();
    return this.#view(asking, this.#tabOf(asking));
  }

  /** Takes a label, or a skip, and hands out the next item. @throws ApiError, FormatError, EnvironmentError */
  choose(request: ChoiceRequest): DeskView {
    const { id, label, labeller, probability } = request;
    const note = request.note?.trim() ?? '';
    this.#requireItem(id);
    if (label !== null && !this.task.labels.some(({ name }) => name === label))
      throw badRequest(`'${label}' is not a label of this task`, 'label', 'unknown_label');
    this.#refresh();
    const tab = this.#tabOf(request);
    const before = this.#index.choice(id, labeller);
    const isSame = before !== null && before.label === label && (before.note ?? '') === note;
    // Skipping a disagreement leaves the labeller's own label as it is.
    if (!isSame && !(label === null && request.pass === 'disagreements')) {
      const at = this.#clock.isoNow();
      this.#index.add({ id, label, labeller, at, probability, ...(note === '' ? {} : { note }) });
    }
    tab.answered.delete(id);
    tab.answered.add(id);
    if (tab.held?.item.id === id) tab.held = null;
    return this.#view(request, tab);
  }

  /** Takes the label of an item back and hands that item out. @throws ApiError, FormatError, EnvironmentError */
  undo(request: UndoRequest): DeskView {
    const { id, labeller } = request;
    const item = this.#requireItem(id);
    this.#refresh();
    const tab = this.#tabOf(request);
    const before = this.#index.choice(id, labeller);
    if (before === null && !tab.answered.has(id)) throw badRequest('this item has no label of yours', 'id', 'no_label');
    const probability = before?.probability ?? 1;
    if (before !== null && before.label !== null)
      this.#index.add({ id, label: null, labeller, at: this.#clock.isoNow(), probability });
    tab.answered.delete(id);
    tab.held = { item, probability };
    return this.#view(request, tab);
  }

  #refresh(): void {
    for (const where of this.#index.refresh()) this.#onTorn(where);
  }

  #requireItem(id: string): LabelItem {
    const item = this.#items.get(id);
    if (item === undefined) throw badRequest(`there is no item '${id}' here`, 'id', 'unknown_item');
    return item;
  }

  #tabOf({ tab: name, labeller, pass }: Asking): Tab {
    const known = this.#tabs.get(name);
    const tab: Tab =
      known?.labeller === labeller && known.pass === pass ? known : { labeller, pass, held: null, answered: new Set() };
    this.#tabs.delete(name);
    this.#tabs.set(name, tab);
    for (const [oldest] of this.#tabs) {
      if (this.#tabs.size <= mostTabs) break;
      this.#tabs.delete(oldest);
    }
    return tab;
  }

  #view(asking: Asking, tab: Tab): DeskView {
    const { labeller, pass } = asking;
    const state = this.#survey(labeller);
    if (tab.held !== null && pass === 'open' && this.#index.labelled(labeller).has(tab.held.item.id)) tab.held = null;
    tab.held ??= this.#draw(tab, state);
    const held = tab.held;
    const own = held === null ? null : this.#index.choice(held.item.id, labeller);
    const pace = this.#index.secondsPerLabel(labeller);
    const skipped = this.#index.skipped(labeller);
    // An item whose label was taken back waits while it is shown, and is skipped when it is left.
    const backAgain = held !== null && skipped.has(held.item.id) ? 1 : 0;
    const done = this.#index.labelled(labeller).size;
    const open = Math.max(
      0,
      Math.min(state.open.length + backAgain, this.task.wanted - done - skipped.size + backAgain),
    );
    return {
      item:
        held === null
          ? null
          : {
              ...held,
              label: own?.label ?? null,
              note: own?.note ?? null,
              others: pass === 'disagreements' ? this.#othersOf(held.item.id, labeller) : [],
            },
      progress: {
        done,
        open,
        skipped: skipped.size - backAgain,
        disagreements: state.disagreements.length,
        labels: state.labels,
        counts: state.counts,
        wanted: this.task.wanted * this.task.perItem,
        secondsLeft: pace === null ? null : pace * open,
      },
      agreement: this.#index.agreement(),
      undo: this.#undoable(tab),
      labellers: [...new Set([...this.#index.labellers, labeller])],
    };
  }

  /** Looks at all items once: which wait for this labeller, which were given different labels, how many labels count. */
  #survey(labeller: string): Survey {
    const [open, disagreements, labelled]: [LabelItem[], LabelItem[], LabelItem[]] = [[], [], []];
    const counts = Object.fromEntries(this.task.labels.map(({ name }) => [name, 0]));
    let labels = 0;
    for (const item of this.task.items) {
      const standing = this.#index.standing(item.id);
      labels += Math.min(standing.length, this.task.perItem);
      for (const { label } of standing) counts[label] = (counts[label] ?? 0) + 1;
      if (standing.length > 0) labelled.push(item);
      if (standing.length < this.task.perItem && this.#index.choice(item.id, labeller) === null) open.push(item);
      if (standing.length > 1 && resolveLabel(standing, this.task.adjudicator) === null) disagreements.push(item);
    }
    return { open, disagreements, labelled, labels, counts };
  }

  #draw(tab: Tab, state: Survey): Held | null {
    switch (tab.pass) {
      case 'open':
        return this.#drawOpen(tab, state);
      case 'skipped': {
        const id = [...this.#index.skipped(tab.labeller)].find((each) => !tab.answered.has(each));
        const choice = id === undefined ? null : this.#index.choice(id, tab.labeller);
        return choice === null ? null : { item: this.#requireItem(choice.id), probability: choice.probability };
      }
      case 'disagreements': {
        const item = state.disagreements.find(({ id }) => !tab.answered.has(id));
        if (item === undefined) return null;
        // Chosen by rule and not at random; an own label keeps the probability that its item had.
        return { item, probability: this.#index.choice(item.id, tab.labeller)?.probability ?? 1 };
      }
    }
  }

  /** Items that other tabs hold come last: those of the same labeller, and those that need no further label once the
   *  others have answered. */
  #drawOpen(tab: Tab, { open, labelled }: Survey): Held | null {
    const holders = new Map<string, Tab[]>();
    for (const other of this.#tabs.values())
      if (other !== tab && other.held !== null)
        holders.set(other.held.item.id, [...(holders.get(other.held.item.id) ?? []), other]);
    const isFree = ({ id }: LabelItem): boolean => {
      const held = holders.get(id) ?? [];
      return (
        held.every(({ labeller }) => labeller !== tab.labeller) &&
        this.#index.standing(id).length + held.length < this.task.perItem
      );
    };
    const free = holders.size === 0 ? open : open.filter(isFree);
    const stream = openStream(
      streamKey(this.task.seed, 'labelling', textIndex(tab.labeller), this.#index.lines, this.#draws++),
    );
    const drawn: NextItem | null = chooseNext(
      {
        strategy: this.task.strategy,
        candidates: free.length > 0 ? free : open,
        labelled,
        disagreement: this.#disagreement(),
      },
      stream,
    );
    return drawn === null ? null : { item: this.#requireItem(drawn.item.id), probability: drawn.probability };
  }

  /** How far the members of the ensemble so far are apart, per item; null before there is one. */
  #disagreement(): ReadonlyMap<string, number> | null {
    const opinions = this.task.opinions();
    return opinions === null ? null : new Map([...opinions].map(([id, { disagreement }]) => [id, disagreement]));
  }

  #othersOf(id: string, labeller: string): readonly OthersLabel[] {
    return this.#index
      .standing(id)
      .filter((each) => each.labeller !== labeller)
      .map(({ labeller: name, label, note }) => ({ labeller: name, label, note: note ?? null }));
  }

  #undoable({ answered, labeller, held }: Tab): string | null {
    const isOther = (id: string): boolean => id !== held?.item.id;
    const here = [...answered].filter(isOther).at(-1);
    return here ?? [...this.#index.labelled(labeller)].filter(isOther).at(-1) ?? null;
  }
}

interface Survey {
  readonly open: readonly LabelItem[];
  readonly disagreements: readonly LabelItem[];
  readonly labelled: readonly LabelItem[];
  readonly labels: number;
  readonly counts: Readonly<Record<string, number>>;
}
