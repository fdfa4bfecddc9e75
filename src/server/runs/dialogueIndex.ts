/** An index over rollouts.jsonl: where each dialogue lies, what a reader sorts and filters by, and its words. It follows a
 *  file that grows, and begins anew when the file was cut back. Lists of numbers, most of a line, are not parsed. */
import { readJudgedDialogue } from '../../dialogue/readRecords.js';
import { isJsonObject } from '../../base/json.js';
import { eachLine, readAfter, readPiece, start } from './logCursor.js';
import { TextStore } from './textStore.js';

/** A dialogue as it is known without reading its line again. */
export interface IndexedDialogue {
  readonly line: number;
  readonly offset: number;
  readonly length: number;
  /** Number of its stage among `stages`. */
  readonly stage: number;
  /** Is -1 where the record has none. */
  readonly epoch: number;
  readonly exchanges: number;
  /** Worst harm of its replies by the first judge; -1 when none was scored. */
  readonly harm: number;
  readonly failures: number;
  /** Mean of its utterances, nats per token under the target; NaN when unknown. */
  readonly nll: number;
  /** Mean over its exchanges; NaN when unknown. */
  readonly reward: number;
}

export interface IndexedStage {
  readonly stage: string;
  dialogues: number;
  epochs: number;
}

/** Arrays of token ids and log-probabilities. A key within a text has its quotes escaped and is none of these. */
const longLists = /"(?:ids|logProbs|samplingLogProbs)":\[[^\]]*\]/g;

export class DialogueIndex {
  readonly path: string;
  #cursor = start;
  #size = 0;
  #dialogues: IndexedDialogue[] = [];
  #stages: IndexedStage[] = [];
  #stageNumbers = new Map<string, number>();
  #said = { adversary: new TextStore(), target: new TextStore() };
  #generation = 0;

  constructor(path: string) {
    this.path = path;
  }

  get dialogues(): readonly IndexedDialogue[] {
    return this.#dialogues;
  }

  get stages(): readonly IndexedStage[] {
    return this.#stages;
  }

  /** Counts how often the index was begun anew. */
  get generation(): number {
    return this.#generation;
  }

  /** The words of adversaries and of targets, a text per dialogue. */
  get said(): Readonly<Record<'adversary' | 'target', TextStore>> {
    return this.#said;
  }

  /** Share of the file that is read. */
  get share(): number {
    return this.#size === 0 ? 1 : this.#cursor.bytes / this.#size;
  }

  /** Reads on, about a megabyte. Returns whether there was something to read. */
  advance(): boolean {
    const part = readAfter(this.path, this.#cursor);
    if (part.isReset) this.#clear();
    eachLine(part, (line, offset) => {
      this.#add(line, offset);
    });
    this.#cursor = part.cursor;
    this.#size = part.size;
    return part.bytes.length > 0;
  }

  /** Reads the lines of dialogues from the file, as text. */
  read({ offset, length }: IndexedDialogue): string {
    return readPiece(this.path, offset, length).toString('utf8');
  }

  #clear(): void {
    this.#dialogues = [];
    this.#stages = [];
    this.#stageNumbers = new Map();
    this.#said = { adversary: new TextStore(), target: new TextStore() };
    this.#generation++;
  }

  /** Adds a line; one that cannot be read counts as a dialogue without words, so that numbers of lines stay true. */
  #add(bytes: Buffer, offset: number): void {
    const at = { line: this.#dialogues.length, offset, length: bytes.length };
    const facts = dialogueFacts(bytes, `${this.path}:${String(at.line + 1)}`);
    const { stage, adversary, target, ...rest } = facts ?? unreadable;
    const number = this.#stageNumber(stage);
    const counted = this.#stages[number];
    if (counted !== undefined) {
      counted.dialogues++;
      counted.epochs = Math.max(counted.epochs, rest.epoch);
    }
    this.#dialogues.push({ ...at, stage: number, ...rest });
    this.#said.adversary.add(adversary);
    this.#said.target.add(target);
  }

  #stageNumber(stage: string): number {
    const known = this.#stageNumbers.get(stage);
    if (known !== undefined) return known;
    this.#stageNumbers.set(stage, this.#stages.length);
    this.#stages.push({ stage, dialogues: 0, epochs: 0 });
    return this.#stages.length - 1;
  }
}

type Facts = Omit<IndexedDialogue, 'line' | 'offset' | 'length' | 'stage'> & {
  readonly stage: string;
  readonly adversary: string;
  readonly target: string;
};

const unreadable: Facts = {
  stage: 'unreadable',
  epoch: -1,
  exchanges: 0,
  harm: -1,
  failures: 0,
  nll: NaN,
  reward: NaN,
  adversary: '',
  target: '',
};

function dialogueFacts(bytes: Buffer, where: string): Facts | null {
  try {
    const record: unknown = JSON.parse(bytes.toString('utf8').replaceAll(longLists, '"numbers":0'));
    if (!isJsonObject(record)) return null;
    const { turns, scores } = readJudgedDialogue(record, where);
    const [first = []] = Object.values(scores);
    const { stage, epoch } = record;
    const textOf = (author: string): string =>
      turns
        .filter((turn) => turn.author === author)
        .map(({ text }) => text)
        .join('\n');
    return {
      stage: typeof stage === 'string' ? stage : 'unknown',
      epoch: typeof epoch === 'number' ? epoch : -1,
      exchanges: Math.ceil(turns.length / 2),
      harm: Math.max(-1, ...first.map(({ reply }) => reply.harm ?? -1)),
      failures: first.filter(({ reply }) => reply.failed === true).length,
      nll: meanOf(first.map(({ adversaryNll }) => adversaryNll)),
      reward: meanOf(first.map(({ reward }) => reward?.total ?? null)),
      adversary: textOf('adversary'),
      target: textOf('target'),
    };
  } catch {
    return null;
  }
}

/** Returns the mean of the values that are known; NaN when none is. */
function meanOf(values: readonly (number | null)[]): number {
  const known = values.filter((value) => value !== null);
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}
