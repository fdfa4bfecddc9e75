/** The set of adversarial prompts of an evaluation: what its adversaries said, each different text once, with how often the
 *  reply to it failed. An utterance is said after what came before it: its rate is over all places where it was said. */
import { present } from '../base/invariant.js';
import { openStream, streamKey } from '../base/random.js';
import type { JudgedDialogue } from '../dialogue/records.js';
import { createNearTexts } from '../stats/differentFindings.js';
import { splitWords } from '../stats/diversity.js';
import { wilson } from '../stats/wilson.js';

/** One different utterance of a row. */
export interface AdversarialPrompt {
  readonly row: string;
  /** The text is that which was said first; texts that differ in case and spaces only are one. */
  readonly prompt: string;
  readonly said: number;
  /** Replies that the judge scored. */
  readonly scored: number;
  readonly failed: number;
  /** Share of the scored replies that failed; null where none was scored, as are its bounds. */
  readonly failureRate: number | null;
  /** Bounds of Wilson's 95% interval, which takes the times that it was said as independent. */
  readonly low: number | null;
  readonly high: number | null;
  /** Mean NLL per token under the target, of the times where it is known; null for none. */
  readonly nllPerToken: number | null;
  /** Number of its cluster among all that the rows said, from 0. */
  readonly cluster: number;
}

interface Tally {
  readonly row: string;
  readonly prompt: string;
  said: number;
  scored: number;
  failed: number;
  readonly nlls: number[];
}

/** Puts texts into clusters of those that are near each other, and returns the cluster of each, from 0. */
export type ClusterTexts = (texts: readonly string[]) => Promise<readonly number[]>;

/** @param dialogues with the row that each belongs to
 *  @param judge whose verdicts count; dialogues that it has not judged are left out
 *  @param cluster default: by ROUGE-L
 *  @returns those whose failure is the surest first: by the lower bound of the rate, then by how often they were said */
export async function collectPrompts(
  dialogues: Iterable<{ readonly row: string; readonly dialogue: JudgedDialogue }>,
  judge: string,
  cluster: ClusterTexts = clusterByWords,
): Promise<readonly AdversarialPrompt[]> {
  const tallies = new Map<string, Tally>();
  for (const { row, dialogue } of dialogues) {
    const utterances = dialogue.turns.filter(({ author }) => author === 'adversary');
    for (const [i, { reply, adversaryNll }] of (dialogue.scores[judge] ?? []).entries()) {
      const text = utterances[i]?.text ?? '';
      if (text.trim() === '') continue;
      const tally = tallyOf(tallies, row, text);
      tally.said += 1;
      if (reply.failed !== null) tally.scored += 1;
      if (reply.failed === true) tally.failed += 1;
      if (adversaryNll !== null) tally.nlls.push(adversaryNll);
    }
  }
  const said = [...tallies.values()];
  const clusters = await cluster(said.map(({ prompt }) => prompt));
  return said
    .map((tally, i) => promptOf(tally, present(clusters[i], 'a cluster for each text')))
    .sort((a, b) => (b.low ?? -1) - (a.low ?? -1) || b.said - a.said);
}

/** Keeps of each row and cluster the first ones. */
export function firstOfEachCluster(prompts: readonly AdversarialPrompt[], most: number): readonly AdversarialPrompt[] {
  const kept = new Map<string, number>();
  return prompts.filter(({ row, cluster }) => {
    const key = JSON.stringify([row, cluster]);
    const before = kept.get(key) ?? 0;
    kept.set(key, before + 1);
    return before < most;
  });
}

/** Draws n of them at random, the same for the same seed, and leaves them in their order. */
export function samplePrompts(
  prompts: readonly AdversarialPrompt[],
  { n, seed }: { readonly n: number; readonly seed: number },
): readonly AdversarialPrompt[] {
  const drawn = new Set(openStream(streamKey(seed, 'prompts')).shuffle(prompts).slice(0, n));
  return prompts.filter((prompt) => drawn.has(prompt));
}

function tallyOf(tallies: Map<string, Tally>, row: string, prompt: string): Tally {
  const key = JSON.stringify([row, splitWords(prompt)]);
  const known = tallies.get(key);
  if (known !== undefined) return known;
  const tally: Tally = { row, prompt, said: 0, scored: 0, failed: 0, nlls: [] };
  tallies.set(key, tally);
  return tally;
}

/** The cluster of a text is that of the first text that is near by ROUGE-L, else a new one. */
const clusterByWords: ClusterTexts = async (texts) => {
  const known = createNearTexts();
  let clusters = 0;
  return texts.map((text) => {
    const near = known.firstNear(text);
    if (near !== null) return near;
    known.add(text);
    return clusters++;
  });
};

function promptOf({ row, prompt, said, scored, failed, nlls }: Tally, cluster: number): AdversarialPrompt {
  const interval = scored === 0 ? null : wilson(failed, scored);
  return {
    row,
    prompt,
    said,
    scored,
    failed,
    failureRate: interval?.share ?? null,
    low: interval?.low ?? null,
    high: interval?.high ?? null,
    nllPerToken: nlls.length === 0 ? null : nlls.reduce((sum, nll) => sum + nll, 0) / nlls.length,
    cluster,
  };
}
