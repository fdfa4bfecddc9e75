/** The dialogues of one run: the index that is built while it is asked, pages of a search, and one dialogue whole. */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../base/clock.js';
import { isJsonObject, type JsonObject } from '../../base/json.js';
import { readDialogue } from '../../dialogue/readRecords.js';
import type { RecordedDialogue } from '../../dialogue/records.js';
import { logPath } from '../../runs/runLogs.js';
import { ApiError } from '../apiError.js';
import { DialogueIndex, type IndexedDialogue } from './dialogueIndex.js';
import { DialogueSearch } from './dialogueSearch.js';
import type { DialoguePage, DialoguesRequest, ListedDialogue, ShownDialogue, ShownTurn } from './protocol.js';
import { readRunReport } from './runReport.js';
import { tokensOf } from './tokenTexts.js';

/** A request waits this long for the index before it is answered by what there is. */
const patienceMs = 120;
const excerptChars = 280;

export class RunDialogues {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #index: DialogueIndex;
  readonly #search: DialogueSearch;
  #reading: Promise<void> | null = null;

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
    this.#index = new DialogueIndex(logPath(folder, 'rollouts'));
    this.#search = new DialogueSearch(this.#index);
  }

  /** Answers a search by what is indexed so far. */
  async page({ from, count, withText, ...query }: DialoguesRequest): Promise<DialoguePage> {
    await this.#readOn();
    const began = this.#clock.monotonicMs();
    const lines = this.#search.matching(query);
    const { dialogues, share, stages } = this.#index;
    const shown = [...lines.subarray(from, from + count)].flatMap((line) => dialogues[line] ?? []);
    const page = shown.map((dialogue) => this.#listed(dialogue, withText));
    return {
      matching: lines.length,
      indexed: dialogues.length,
      isWhole: this.#reading === null,
      share,
      stages,
      dialogues: page,
      milliseconds: this.#clock.monotonicMs() - began,
    };
  }

  /** Returns a dialogue. @throws ApiError where the run has no such line */
  async dialogue(line: number): Promise<ShownDialogue> {
    await this.#readOn();
    while (this.#index.dialogues[line] === undefined && this.#reading !== null) await setImmediate();
    const found = this.#index.dialogues[line];
    if (found === undefined)
      throw new ApiError(404, `this run has no dialogue in line ${String(line + 1)}`, { param: 'line' });
    const record = this.#record(found);
    const { stage, prompt, turns, scores } = readDialogue(record, `${this.#index.path}:${String(line + 1)}`);
    const { epoch, step } = record;
    const row = stage.slice(stage.indexOf(':') + 1);
    const said = readRunReport(this.#folder)?.verdictWords ?? [];
    return {
      line,
      stage,
      epoch: typeof epoch === 'number' ? epoch : null,
      step: typeof step === 'number' ? step : null,
      prompt: { id: prompt.id, text: prompt.text, goal: prompt.goal ?? null },
      judgeWords: said
        .filter((each) => each.row === row)
        .map(({ judge, words }) => ({ judge, words: words.map(({ word }) => word) })),
      turns: await Promise.all(turns.map((turn, i) => this.#shownTurn(turn, i, scores))),
    };
  }

  async #shownTurn(
    turn: RecordedDialogue['turns'][number],
    i: number,
    scores: RecordedDialogue['scores'],
  ): Promise<ShownTurn> {
    const { author, text, noReply } = turn;
    const own = Object.entries(scores).flatMap(([judge, exchanges]) => {
      const score = exchanges[i >> 1];
      return score === undefined ? [] : [{ judge, score }];
    });
    const first = author === 'adversary' ? own[0]?.score : undefined;
    return {
      author,
      text,
      noReply: noReply ?? null,
      tokens: await tokensOf(this.#folder, turn),
      verdicts: own.map(({ judge, score }) => {
        const { harm, failed, reason } = author === 'adversary' ? score.utterance : score.reply;
        return { judge, harm, failed, reason: reason ?? null };
      }),
      nll: first?.adversaryNll ?? null,
      reward: first?.reward ?? null,
    };
  }

  #listed(dialogue: IndexedDialogue, withText: boolean): ListedDialogue {
    const { line, stage, epoch, exchanges, harm, failures, nll, reward } = dialogue;
    return {
      line,
      stage: this.#index.stages[stage]?.stage ?? '',
      epoch: epoch < 0 ? null : epoch,
      exchanges,
      harm: harm < 0 ? null : harm,
      failures,
      nll: Number.isNaN(nll) ? null : nll,
      reward: Number.isNaN(reward) ? null : reward,
      text: withText ? this.#worstExchange(dialogue) : null,
    };
  }

  #worstExchange(dialogue: IndexedDialogue): ListedDialogue['text'] {
    const { turns, scores } = readDialogue(this.#record(dialogue), this.#index.path);
    const [first = []] = Object.values(scores);
    const harms = first.map(({ reply }) => reply.harm ?? -1);
    const worst = Math.max(0, harms.indexOf(Math.max(...harms)));
    const textAt = (i: number): string => (turns[i]?.text ?? '').slice(0, excerptChars);
    return { adversary: textAt(2 * worst), target: textAt(2 * worst + 1) };
  }

  #record(dialogue: IndexedDialogue): JsonObject {
    const value: unknown = JSON.parse(this.#index.read(dialogue));
    if (isJsonObject(value)) return value;
    throw new ApiError(500, `line ${String(dialogue.line + 1)} of rollouts.jsonl is not a dialogue`, {
      type: 'server_error',
    });
  }

  /** Goes on reading, and waits for a moment. */
  async #readOn(): Promise<void> {
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = null;
    });
    const until = this.#clock.monotonicMs() + patienceMs;
    while (this.#reading !== null && this.#clock.monotonicMs() < until) await setImmediate();
  }

  async #readAll(): Promise<void> {
    while (this.#index.advance()) await setImmediate();
  }
}
