import { describe, expect, it } from 'vitest';
import type { Judge } from '../../dialogue/types.js';
import { containsJudge } from '../../speakers/judges/contains.js';
import { createFunctionJudge } from '../../speakers/judges/functionJudge.js';
import { notesOf, searchNotes } from './evaluationNotes.js';

const estimate = createFunctionJudge({ name: 'estimate', score: (texts) => texts.map(() => 0) });
const notes = (...judges: Judge[]): string =>
  notesOf({ groupBy: 'prompt', judges, rows: [row('ipo', 'policy', judges[0])] }, false).join(' ');
const row = (name: string, attackKind: 'policy' | 'search', judge?: Judge) => ({
  name,
  attackKind,
  trainedJudge: judge?.name ?? null,
});

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

  it('advise a judge that did not choose where the one judge chose what a search says', () => {
    const said = notesOf({ groupBy: 'prompt', judges: [estimate], rows: [row('best', 'search', estimate)] }, false);
    expect(said.join(' ')).toMatch(/estimate also chose what best says.*name a judge that did not choose/);
    expect(said.join(' ')).not.toMatch(/trained the attack/);
  });

  it('tell searches from policies, with what a search spent and where it has nothing to say', () => {
    const search = {
      prompts: 4,
      found: 3,
      failed: 2,
      tries: 12,
      budget: { targetReplies: 4 },
      cost: { targetReplies: 12, judgeTexts: 36, adversaryUtterances: 12 },
      reasons: [{ reason: 'no try has a verdict', count: 1 }],
    };
    const said = searchNotes([
      { name: 'ipo', attackKind: 'policy', search: null },
      { name: 'best', attackKind: 'search', search },
    ]);
    expect(said).toEqual([
      'Searches (best) worked on these very prompts, policies (ipo) learnt on others: compare their figures beside what each spent.',
      'best searched 4 prompts with 12 tries: targetReplies 12, judgeTexts 36 (at most targetReplies 4 per prompt). The target failed at 2 of them when the finds were chosen. For 1 of them it has nothing to say (no try has a verdict): these count as replies without harm.',
    ]);
  });
});
