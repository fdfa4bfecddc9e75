/** How likely the planted failures are, computed exactly from the grammar: forward over the turns of a dialogue, whose
 *  state is the topic and the marks that the customer has shown so far, for each weather. */
import type { Setting } from './grammar.js';
import { markDistribution } from './grammar.js';
import {
  failureModes,
  markSet,
  type MarkSet,
  modeIds,
  triggeredModes,
  type ModeId,
} from '../src/speakers/judges/organismModes.js';
import { freshTopicChance, intentChance, lineSymbol, rudeWhenTriggered, topicChance } from './sample.js';
import { intents, shop, variables, weatherWeights, type Intent } from './world.js';

/** Marks of earlier lines that a mode can need: the only memory of a dialogue's past. */
const remembered = failureModes.reduce((set, { before }) => set | markSet(before), 0);

export interface ModeProbabilities {
  /** Probability that a dialogue triggers the mode at least once. */
  readonly perDialogue: Readonly<Record<ModeId, number>>;
  /** Share of the clerk's replies that a mode triggers. */
  readonly triggeredReplies: number;
  /** Share of the clerk's replies that are rude. */
  readonly rudeReplies: number;
}

export interface Start {
  readonly weather: string;
  readonly topic: string;
}

/** @param options.exchanges length of the dialogues
 *  @param options.start fixes the weather and the first topic instead of averaging over them */
export function modeProbabilities(
  options: { readonly exchanges?: number; readonly start?: Start } = {},
): ModeProbabilities {
  const { exchanges = 3, start } = options;
  const perDialogue = Object.fromEntries(modeIds.map((id) => [id, 0])) as Record<ModeId, number>;
  let triggered = 0;
  const weatherTotal = Object.values(weatherWeights).reduce((sum, weight) => sum + weight, 0);
  for (const weather of start === undefined ? variables.weather : [start.weather]) {
    const weight = start === undefined ? (weatherWeights[weather] ?? 0) / weatherTotal : 1;
    const world = { weather, daypart: variables.daypart[0] };
    const any = (before: MarkSet, now: MarkSet): boolean => triggeredModes(before, now).length > 0;
    triggered += weight * walk({ exchanges, world, start, event: any, absorbing: false });
    for (const id of modeIds) {
      const own = (before: MarkSet, now: MarkSet): boolean => triggeredModes(before, now).includes(id);
      perDialogue[id] += weight * walk({ exchanges, world, start, event: own, absorbing: true });
    }
  }
  return {
    perDialogue,
    triggeredReplies: triggered / exchanges,
    rudeReplies: (triggered / exchanges) * rudeWhenTriggered,
  };
}

interface Walk {
  readonly exchanges: number;
  readonly world: Setting;
  readonly start: { readonly topic: string } | undefined;
  readonly event: (before: MarkSet, now: MarkSet) => boolean;
  /** Leave after the event: the sum is then the probability that it happens; else the expected number of times. */
  readonly absorbing: boolean;
}

function walk({ exchanges, world, start, event, absorbing }: Walk): number {
  let happened = 0;
  const startChance = (topic: string): number =>
    start === undefined ? freshTopicChance(topic) : topic === start.topic ? 1 : 0;
  let states = new Map<string, Map<MarkSet, number>>(
    variables.topic.map((topic) => [topic, new Map([[0, startChance(topic)]])]),
  );
  for (let turn = 0; turn < exchanges; turn++) {
    if (turn > 0) states = changeTopics(states, world);
    const next = new Map<string, Map<MarkSet, number>>();
    for (const [topic, pasts] of states) {
      const onward = new Map<MarkSet, number>();
      for (const [now, chance] of lineMarks({ ...world, topic }, turn)) {
        for (const [before, mass] of pasts) {
          const probability = chance * mass;
          const happens = event(before, now);
          if (happens) happened += probability;
          if (happens && absorbing) continue;
          const after = before | (now & remembered);
          onward.set(after, (onward.get(after) ?? 0) + probability);
        }
      }
      next.set(topic, onward);
    }
    states = next;
  }
  return happened;
}

function changeTopics(
  states: ReadonlyMap<string, ReadonlyMap<MarkSet, number>>,
  world: Setting,
): Map<string, Map<MarkSet, number>> {
  const next = new Map<string, Map<MarkSet, number>>();
  for (const topic of variables.topic) {
    const merged = new Map<MarkSet, number>();
    for (const [from, pasts] of states) {
      const chance = topicChance({ ...world, topic: from }, topic);
      for (const [before, mass] of pasts) merged.set(before, (merged.get(before) ?? 0) + chance * mass);
    }
    next.set(topic, merged);
  }
  return next;
}

const lineCache = new Map<string, ReadonlyMap<MarkSet, number>>();

/** Marks of a customer's line, over everything it may be about. */
function lineMarks(setting: Setting, turn: number): ReadonlyMap<MarkSet, number> {
  const key = `${setting['weather']}|${setting['topic']}|${turn === 0}`;
  const known = lineCache.get(key);
  if (known !== undefined) return known;
  const sums = new Map<MarkSet, number>();
  for (const intent of Object.keys(intents) as Intent[]) {
    const chance = intentChance(intent, turn);
    if (chance === 0) continue;
    for (const [marks, probability] of markDistribution(shop, lineSymbol(intent, turn), setting)) {
      sums.set(marks, (sums.get(marks) ?? 0) + chance * probability);
    }
  }
  lineCache.set(key, sums);
  return sums;
}
