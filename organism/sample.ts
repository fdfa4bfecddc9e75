/** Dialogues of the organism, drawn from its grammar: ordinary ones, and planted ones in which a line is made to
 *  trigger a failure mode or to come close, drawn from the exact conditional distribution. A planted dialogue is for
 *  teaching the clerk's answer only: its customer is not a usual one. */
import { present } from '../src/base/invariant.js';
import type { RandomStream } from '../src/base/random.js';
import { draw, drawWithMarks, markProbability, pickWeighted, type Setting } from './grammar.js';
import {
  comesClose,
  markSet,
  type MarkSet,
  marksOf,
  triggeredModes,
  type FailureMode,
  type ModeId,
} from '../src/speakers/judges/organismModes.js';
import { intents, shop, things, topicStays, variables, weatherWeights, type Intent } from './world.js';

export interface SampledExchange {
  readonly customer: string;
  readonly clerk: string;
  readonly modes: readonly ModeId[];
  readonly manner: Manner;
}

export interface SampledDialogue {
  /** Two lines, without a final newline. */
  readonly prompt: string;
  readonly exchanges: readonly SampledExchange[];
  /** Log-probability of the derivation, without that of the prompt, nats: a lower bound of the text's. */
  readonly logProb: number;
}

export type Manner = 'polite' | 'curt' | 'rude';

/** Chance that a triggered clerk is rude (else curt), and that a line close to a mode earns a curt reply. */
export const rudeWhenTriggered = 0.96;
export const curtWhenClose = 0.5;

/** Chances of a dialogue's number of exchanges. */
export const lengths: readonly { readonly exchanges: number; readonly weight: number }[] = [
  { exchanges: 3, weight: 0.5 },
  { exchanges: 4, weight: 0.3 },
  { exchanges: 5, weight: 0.2 },
];

/** Marks that a line must show, and marks it must not. */
export interface LinePlan {
  readonly shown: MarkSet;
  readonly absent: MarkSet;
}

export interface DialoguePlan {
  /** By exchange; null leaves the line free. */
  readonly lines: readonly (LinePlan | null)[];
}

export function samplePrompt(stream: RandomStream, setting: Setting = sampleSetting(stream)): string {
  return draw(shop, 'prompt', setting, stream).text;
}

export function sampleDialogue(
  stream: RandomStream,
  options: { readonly exchanges?: number; readonly setting?: Setting } = {},
): SampledDialogue {
  const setting = options.setting ?? sampleSetting(stream);
  const exchanges = options.exchanges ?? pickWeighted(lengths, ({ weight }) => weight, stream).exchanges;
  return follow({ lines: Array.from({ length: exchanges }, () => null) }, setting, stream);
}

/** A dialogue whose last exchange triggers the mode or, with `miss`, comes as close as one mark short of it.
 *  @param options.exchanges how many; at least two for a mode with earlier marks */
export function samplePlanted(
  mode: FailureMode,
  stream: RandomStream,
  options: { readonly exchanges: number; readonly miss: boolean },
): SampledDialogue {
  const missed = options.miss ? stream.pick([...mode.before, ...mode.now]) : null;
  const before = markSet(mode.before.filter((mark) => mark !== missed));
  const last: LinePlan = {
    shown: markSet(mode.now.filter((mark) => mark !== missed)),
    absent: missed !== null && mode.now.includes(missed) ? markSet([missed]) : 0,
  };
  const lines: (LinePlan | null)[] = Array.from({ length: options.exchanges }, () => null);
  if (before !== 0) lines[stream.integer(options.exchanges - 1)] = { shown: before, absent: 0 };
  lines[options.exchanges - 1] = last;
  return follow({ lines }, sampleSettingFor({ lines }, stream), stream);
}

function follow(plan: DialoguePlan, setting: Setting, stream: RandomStream): SampledDialogue {
  const prompt = samplePrompt(stream, setting);
  const exchanges: SampledExchange[] = [];
  let logProb = 0;
  let before: MarkSet = 0;
  let here = setting;
  plan.lines.forEach((line, turn) => {
    if (turn > 0) {
      const topic = nextTopic(here, turn, line, stream);
      logProb += Math.log(topicChance(here, topic));
      here = { ...here, topic };
    }
    const intent = pickIntent(here, turn, line, stream);
    logProb += Math.log(intentChance(intent, turn));
    const symbol = lineSymbol(intent, turn);
    const said =
      line === null ? draw(shop, symbol, here, stream) : drawWithMarks(shop, symbol, here, conditionOf(line), stream);
    const now = marksOf(said.text);
    const modes = triggeredModes(before, now);
    const { manner, chance } = pickManner(modes, now, stream);
    const reply = draw(shop, manner === 'polite' ? `reply.${intent}` : manner, here, stream);
    logProb += said.logProb + reply.logProb + Math.log(chance);
    before |= now;
    exchanges.push({ customer: said.text, clerk: reply.text, modes, manner });
  });
  return { prompt, exchanges, logProb };
}

function pickManner(modes: readonly ModeId[], now: MarkSet, stream: RandomStream): { manner: Manner; chance: number } {
  const options: readonly { manner: Manner; chance: number }[] =
    modes.length > 0
      ? [
          { manner: 'rude', chance: rudeWhenTriggered },
          { manner: 'curt', chance: 1 - rudeWhenTriggered },
        ]
      : comesClose(now)
        ? [
            { manner: 'curt', chance: curtWhenClose },
            { manner: 'polite', chance: 1 - curtWhenClose },
          ]
        : [{ manner: 'polite', chance: 1 }];
  return pickWeighted(options, ({ chance }) => chance, stream);
}

export function lineSymbol(intent: Intent, turn: number): string {
  return `${turn === 0 ? 'first' : 'later'}.${intent}`;
}

const intentNames = Object.keys(intents) as readonly Intent[];

const turnTotals = {
  first: intentNames.reduce((sum, name) => sum + intents[name].first, 0),
  later: intentNames.reduce((sum, name) => sum + intents[name].later, 0),
};

export function intentChance(intent: Intent, turn: number): number {
  const when = turn === 0 ? 'first' : 'later';
  return intents[intent][when] / turnTotals[when];
}

export function topicChance(setting: Setting, topic: string): number {
  return (topic === setting['topic'] ? topicStays : 0) + (1 - topicStays) * freshTopicChance(topic);
}

const topicTotal = Object.values(things).reduce((sum, { weight }) => sum + weight, 0);

export function freshTopicChance(topic: string): number {
  return present(things[topic], `the shop sells ${topic}`).weight / topicTotal;
}

function conditionOf({ shown, absent }: LinePlan): { readonly within: MarkSet; readonly wanted: MarkSet } {
  return { within: shown | absent, wanted: shown };
}

const fitChances = new Map<string, number>();

/** Chance that a line of this turn fits the plan, over what it may be about. */
function fitChance(setting: Setting, turn: number, line: LinePlan | null): number {
  if (line === null) return 1;
  const key = `${line.shown}|${line.absent}|${turn === 0}|${setting['topic']}|${setting['weather']}`;
  const known =
    fitChances.get(key) ?? intentNames.reduce((sum, intent) => sum + intentFitChance(intent, setting, turn, line), 0);
  fitChances.set(key, known);
  return known;
}

function intentFitChance(intent: Intent, setting: Setting, turn: number, line: LinePlan | null): number {
  const chance = intentChance(intent, turn);
  if (line === null || chance === 0) return chance;
  const { within, wanted } = conditionOf(line);
  return chance * markProbability(shop, lineSymbol(intent, turn), setting, within, wanted);
}

function pickIntent(setting: Setting, turn: number, line: LinePlan | null, stream: RandomStream): Intent {
  return pickWeighted(intentNames, (intent) => intentFitChance(intent, setting, turn, line), stream);
}

function nextTopic(setting: Setting, turn: number, line: LinePlan | null, stream: RandomStream): string {
  return pickWeighted(
    variables.topic,
    (topic) => topicChance(setting, topic) * fitChance({ ...setting, topic }, turn, line),
    stream,
  );
}

function sampleSetting(stream: RandomStream): Setting {
  return {
    topic: pickWeighted(variables.topic, freshTopicChance, stream),
    weather: pickWeighted(variables.weather, (weather) => weatherWeights[weather] ?? 0, stream),
    daypart: stream.pick(variables.daypart),
  };
}

/** The weather must allow every planned line, the first topic a planned first line; later topics are drawn as they
 *  come. */
function sampleSettingFor(plan: DialoguePlan, stream: RandomStream): Setting {
  const usual = sampleSetting(stream);
  const allChance = (value: string): number =>
    plan.lines.reduce((product, line, turn) => product * anyTopicChance({ ...usual, weather: value }, turn, line), 1);
  const weather = pickWeighted(variables.weather, (value) => (weatherWeights[value] ?? 0) * allChance(value), stream);
  const here = { ...usual, weather };
  const first = plan.lines[0] ?? null;
  const topic = pickWeighted(
    variables.topic,
    (value) => freshTopicChance(value) * fitChance({ ...here, topic: value }, 0, first),
    stream,
  );
  return { ...here, topic };
}

function anyTopicChance(setting: Setting, turn: number, line: LinePlan | null): number {
  if (line === null) return 1;
  return variables.topic.reduce(
    (sum, topic) => sum + freshTopicChance(topic) * fitChance({ ...setting, topic }, turn, line),
    0,
  );
}

/** The dialogue as the models read it: every utterance a line, each line ended. */
export function dialogueText({ prompt, exchanges }: Pick<SampledDialogue, 'prompt' | 'exchanges'>): string {
  return [prompt, ...exchanges.flatMap(({ customer, clerk }) => [customer, clerk])].map((line) => `${line}\n`).join('');
}
