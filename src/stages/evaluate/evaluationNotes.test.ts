import { describe, expect, it } from 'vitest';
import type { Judge } from '../../dialogue/types.js';
import { containsJudge } from '../../speakers/judges/contains.js';
import { createFunctionJudge } from '../../speakers/judges/functionJudge.js';
import { notesOf } from './evaluationNotes.js';

const estimate = createFunctionJudge({ name: 'estimate', score: (texts) => texts.map(() => 0) });
const notes = (...judges: Judge[]): string =>
  notesOf({ groupBy: 'prompt', judges, rows: [{ trainedJudge: judges[0]?.name ?? null }] }, false).join(' ');

describe('the notes of an evaluation', () => {
  it('warn where the one judge is an estimate that trained the attack', () => {
    expect(notes(estimate)).toMatch(/estimate also trained the attack.*Only one judge/);
  });

  it('do not call a fact an artefact of its judge', () => {
    expect(notes(containsJudge())).not.toMatch(/flatter|artefact/);
  });

  it('still warn of an estimate beside a fact', () => {
    expect(notes(estimate, containsJudge())).toMatch(/flatter/);
  });
});
