import { describe, expect, it } from 'vitest';
import { manualClock } from '../base/clock.js';
import { createProgress, progressLine, remainingSeconds } from './progress.js';
import { fakeTerminal } from './testing/fakeTerminal.js';

describe('progress', () => {
  it('a line tells how far, how fast and how long still', () => {
    expect(
      progressLine({ task: 'ipo', done: 12, total: 40, unit: 'epochs', note: 'train · loss 0.3' }, 240_000, 0),
    ).toBe('ipo: 12/40 epochs, 3.0 epochs/min, 9m 20s left · train · loss 0.3');
    expect(progressLine({ task: 'fetch', done: 30, total: 100, unit: 'MB' }, 10_000, 10)).toBe(
      'fetch: 30/100 MB, 2.0 MB/s, 35s left',
    );
    expect(progressLine({ task: 'fetch', done: 3, total: null, unit: 'MB' }, 0, 0)).toBe('fetch: 3 MB');
  });

  it('the remaining time counts from where this sitting began, and is unknown before anything is done', () => {
    expect(remainingSeconds({ task: '', done: 30, total: 40, unit: '' }, 10_000, 20)).toBe(10);
    expect(remainingSeconds({ task: '', done: 20, total: 40, unit: '' }, 10_000, 20)).toBeNull();
  });

  it('without a screen there is one line an interval, the first at once and the last always', () => {
    const clock = manualClock();
    const terminal = { ...fakeTerminal(), clock };
    const progress = createProgress(terminal, { intervalMs: 1000 });
    for (let done = 0; done <= 30; done++) {
      progress.update({ task: 'x', done, total: 30, unit: 'steps' });
      clock.advance(100);
    }
    expect(
      terminal
        .errors()
        .trim()
        .split('\n')
        .map((line) => line.split(',')[0]),
    ).toEqual(['x: 0/30 steps', 'x: 10/30 steps', 'x: 20/30 steps', 'x: 30/30 steps']);
  });
});
