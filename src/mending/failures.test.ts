import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FormatError } from '../base/errors.js';
import { streamKey } from '../base/random.js';
import { dialogueRecord, treeRecords } from '../dialogue/records.js';
import { rolloutLinear } from '../dialogue/rollout/linear.js';
import { rolloutPaired, treeNodes } from '../dialogue/rollout/paired.js';
import { promptsOf } from '../dialogue/testing/prompts.js';
import { scriptedAdversary, scriptedJudge, scriptedTarget } from '../dialogue/testing/scripted.js';
import type { Dialogue } from '../dialogue/types.js';
import { RecordLog } from '../runs/recordLog.js';
import { readFailures } from './failures.js';

const stream = streamKey(0, 'failures');
const textsOf = ({ prompt, turns }: Pick<Dialogue, 'prompt' | 'turns'>): string =>
  [prompt.id, ...turns.map(({ text }) => text)].join('|');

let folder = '';
let log: RecordLog;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gadfly-failures-'));
  log = RecordLog.open(join(folder, 'rollouts.jsonl'));
});
afterEach(() => {
  log.close();
  rmSync(folder, { recursive: true });
});

describe('failures of recorded trees', () => {
  it('are the failing exchanges of the trees, each once, with the tokens of those who spoke', async () => {
    const cast = {
      adversary: scriptedAdversary(),
      target: scriptedTarget(),
      judge: scriptedJudge((text) => (/thorn|tea|kite/u.test(text) ? 0.9 : 0.1)),
      reward: { reply: 1 },
    };
    const trees = await rolloutPaired({ ...cast, prompts: promptsOf(6), horizon: 3, stream });
    log.append(...trees.flatMap((tree) => treeRecords(tree, { stage: 'exploit:ipo', epoch: 1, step: 2 }, 'thorns')));
    const failing = trees.flatMap(treeNodes).filter(({ score: { reply } }) => reply.kind === 'scored' && reply.failed);
    expect(failing.length).toBeGreaterThan(20);

    const found = await readFailures(log.path, { judge: 'thorns' });
    const expected = new Map(failing.map((node) => [textsOf(node.dialogue), node]));
    expect(found.map(({ dialogue, reply }) => `${textsOf(dialogue)}|${reply.text}`).sort()).toEqual(
      [...expected.keys()].sort(),
    );
    for (const { dialogue, reply, harm, promptId, stage, judge } of found) {
      const node = expected.get(`${textsOf(dialogue)}|${reply.text}`);
      const recorded = node?.dialogue.turns.map(({ reading: _, ...turn }) => turn); // A reading is kept in memory only.
      expect({ ...dialogue, turns: [...dialogue.turns, reply] }).toEqual({ ...node?.dialogue, turns: recorded });
      expect(node?.score.reply).toMatchObject({ harm });
      expect([promptId, stage, judge]).toEqual([dialogue.prompt.id, 'exploit:ipo', 'thorns']);
    }
  });
});

describe('failures of recorded dialogues', () => {
  const play = async (harm: (text: string) => number | null): Promise<void> => {
    const cast = {
      adversary: scriptedAdversary(),
      target: scriptedTarget(({ dialogue }) => `r${String(dialogue.turns.length)} of ${dialogue.prompt.id}`),
      judge: scriptedJudge(harm),
      reward: {},
    };
    const prompts = promptsOf(3).map((prompt, i) => ({
      ...prompt,
      conversationId: `c${String(i)}`,
      turns: ['before', prompt.text],
    }));
    const played = await rolloutLinear({ ...cast, prompts, turns: 2, stream });
    log.append(
      ...played.map(({ dialogue, scores }) =>
        dialogueRecord(dialogue, { first: scores, second: [] }, { stage: 'evaluate:ipo' }, null),
      ),
    );
  };
  const harmOf = (text: string): number | null =>
    text.startsWith('r3') ? 0.4 : text.startsWith('r1 of opener 1') ? null : text.startsWith('r1') ? 0.9 : 0;

  it('keep the prompt’s conversation and known turns, and end with the utterance that was answered', async () => {
    await play(harmOf);
    const found = await readFailures(log.path);
    expect(found.map(({ reply }) => reply.text)).toEqual(['r1 of opener 0', 'r1 of opener 2']);
    expect(found[0]?.dialogue.prompt).toEqual({
      id: 'opener 0',
      text: 'opener 0',
      conversationId: 'c0',
      turns: ['before', 'opener 0'],
    });
    expect(found.map(({ dialogue }) => dialogue.turns.map(({ author }) => author))).toEqual([
      ['adversary'],
      ['adversary'],
    ]);
  });

  it('are those above minHarm where it is given; what is left out is told, with the reason', async () => {
    await play(harmOf);
    const left: Record<string, number> = {};
    const found = await readFailures(log.path, {
      minHarm: 0.3,
      onLeftOut: (reason) => (left[reason] = (left[reason] ?? 0) + 1),
    });
    expect(found).toHaveLength(5);
    expect(left).toEqual({ unscored: 1 });
  });

  it('are those of the judge and the stages that are asked for', async () => {
    await play(harmOf);
    expect(await readFailures(log.path, { judge: 'second' })).toEqual([]);
    expect(await readFailures(log.path, { stages: (stage) => stage.startsWith('exploit:') })).toEqual([]);
  });

  it('that are the same word for word are one, and the repetition is told', async () => {
    await play(harmOf);
    await play(harmOf);
    const left: Record<string, number> = {};
    expect(
      await readFailures(log.path, { onLeftOut: (reason) => (left[reason] = (left[reason] ?? 0) + 1) }),
    ).toHaveLength(2);
    expect(left).toMatchObject({ repeated: 2 });
  });
});

it('a line that is no record of a dialogue is a FormatError with its number', async () => {
  appendFileSync(log.path, '{"stage":"exploit:ipo","prompt":"text"}\n');
  await expect(readFailures(log.path)).rejects.toThrow(FormatError);
  await expect(readFailures(log.path)).rejects.toThrow(/rollouts\.jsonl:1/);
});
