/** How far the work is: a bar on a screen, else one line per interval with rate and remaining time. On stderr. */
import cliProgress from 'cli-progress';
import { formatDuration } from '../base/quantities.js';
import type { Terminal } from './terminal.js';

export interface ProgressState {
  /** The task in progress, such as 'ipo' or 'download'. */
  readonly task: string;
  readonly done: number;
  /** It is null when unknown. */
  readonly total: number | null;
  /** The unit of `done`: 'epochs', 'dialogues', 'MB'. */
  readonly unit: string;
  /** Further words, such as the latest numbers. */
  readonly note?: string;
}

export interface Progress {
  readonly update: (state: ProgressState) => void;
  /** Clears the bar, so that something else can be printed. */
  readonly stop: () => void;
}

export const silentProgress: Progress = { update: () => undefined, stop: () => undefined };

export function createProgress(terminal: Terminal, options: { readonly intervalMs?: number } = {}): Progress {
  return terminal.interactive ? barProgress(terminal) : lineProgress(terminal, options.intervalMs ?? 10_000);
}

/** Remaining seconds at the rate since the task began, or null before there is one. */
export function remainingSeconds(state: ProgressState, elapsedMs: number, doneAtStart: number): number | null {
  const gained = state.done - doneAtStart;
  if (state.total === null || gained <= 0 || elapsedMs <= 0) return null;
  return ((state.total - state.done) * elapsedMs) / gained / 1000;
}

function lineProgress(terminal: Terminal, intervalMs: number): Progress {
  let begun: { task: string; atMs: number; doneAtStart: number; lastMs: number } | null = null;
  return {
    update: (state) => {
      const now = terminal.clock.monotonicMs();
      if (begun === null || begun.task !== state.task)
        begun = { task: state.task, atMs: now, doneAtStart: state.done, lastMs: -Infinity };
      const finished = state.total !== null && state.done >= state.total;
      if (now - begun.lastMs < intervalMs && !finished) return;
      begun.lastMs = now;
      terminal.stderr(`${progressLine(state, now - begun.atMs, begun.doneAtStart)}\n`);
      if (finished) begun = null;
    },
    stop: () => {
      begun = null;
    },
  };
}

/** 'ipo: 12/40 epochs, 3.1 epochs/min, 9m 02s left · reward 0.71' */
export function progressLine(state: ProgressState, elapsedMs: number, doneAtStart: number): string {
  const { task, done, total, unit, note } = state;
  const parts = [`${task}: ${total === null ? `${done}` : `${done}/${total}`} ${unit}`];
  const gained = done - doneAtStart;
  if (gained > 0 && elapsedMs > 0) parts.push(formatRate(gained / (elapsedMs / 1000), unit));
  const left = remainingSeconds(state, elapsedMs, doneAtStart);
  if (left !== null && left > 0) parts.push(`${formatDuration(left)} left`);
  return parts.join(', ') + (note === undefined || note === '' ? '' : ` · ${note}`);
}

function formatRate(perSecond: number, unit: string): string {
  return perSecond >= 1 ? `${perSecond.toFixed(1)} ${unit}/s` : `${(perSecond * 60).toFixed(1)} ${unit}/min`;
}

function barProgress(terminal: Terminal): Progress {
  let bar: cliProgress.SingleBar | null = null;
  let begun: { task: string; atMs: number; doneAtStart: number } | null = null;
  const stop = (): void => {
    bar?.stop();
    bar = null;
    begun = null;
  };
  return {
    update: (state) => {
      const now = terminal.clock.monotonicMs();
      if (begun === null || begun.task !== state.task || bar === null) {
        stop();
        begun = { task: state.task, atMs: now, doneAtStart: state.done };
        bar = new cliProgress.SingleBar({
          format: '{task} [{bar}] {line}',
          stream: process.stderr,
          hideCursor: true,
          fps: 8,
          barsize: 24,
          clearOnComplete: true,
          gracefulExit: false,
        });
        bar.start(state.total ?? 1, state.done, { task: state.task, line: '' });
      }
      const line = progressLine(state, now - begun.atMs, begun.doneAtStart).slice(state.task.length + 2);
      bar.setTotal(Math.max(1, state.total ?? state.done + 1));
      bar.update(state.done, {
        task: state.task,
        line: line.slice(0, Math.max(20, terminal.columns - state.task.length - 32)),
      });
    },
    stop,
  };
}
