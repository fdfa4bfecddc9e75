/** The lines of pairs.jsonl, made and read. An attack's pair is two utterances of the adversary, with their rewards; a
 *  mend stage's is two or three replies of the target, with their harm. TRL reads `prompt`, `chosen` and `rejected` of
 *  both as they are; the ids are what training used. The unit that made a pair, its `stage`, tells which it is. */
import { z } from 'zod';
import type { JsonObject } from '../base/json.js';
import { readAs } from '../base/readAs.js';
import type { JoinTurns } from '../dialogue/join.js';
import type { Origin } from '../dialogue/records.js';
import type { PreferencePair } from '../dialogue/types.js';
import { openingText } from '../dialogue/views.js';
import type { MendPair } from '../mending/pairs.js';
import { readRecords } from '../runs/recordLog.js';
import { parseUnit } from '../runs/units.js';

const ids = z.array(z.number()).readonly();
const shared = {
  prompt: z.string(),
  chosen: z.string(),
  rejected: z.string(),
  stage: z.string(),
  promptId: z.string(),
};

const attackPair = z.object({
  ...shared,
  /** It is null where nothing was rewarded. */
  rewards: z.object({ chosen: z.number().nullable(), rejected: z.number().nullable() }),
  /** A weak-supervision pair: the winner was given, not earned. */
  teaching: z.boolean(),
  epoch: z.number().exactOptional(),
  step: z.number().exactOptional(),
  /** Place of the utterance among the adversary's, from 1. */
  depth: z.number(),
  /** Those that the adversary was conditioned on, and its own; a speaker that gives text only has none. */
  ids: z.object({ prompt: ids.nullable(), chosen: ids.nullable(), rejected: ids.nullable() }),
});

const mendPair = z.object({
  ...shared,
  toxic: z.string().exactOptional(),
  harm: z.object({ chosen: z.number(), rejected: z.number(), toxic: z.number().exactOptional() }),
  heldOut: z.boolean(),
  ids: z.object({ prompt: ids, control: ids, chosen: ids, rejected: ids, toxic: ids.exactOptional() }),
});

/** By the kind of the unit that made them. */
interface PairRecords {
  readonly exploit: z.output<typeof attackPair>;
  readonly mendPairs: z.output<typeof mendPair>;
}

const readers: { readonly [Kind in keyof PairRecords]: (record: JsonObject, where: string) => PairRecords[Kind] } = {
  exploit: (record, where) => readAs(attackPair, record, where),
  mendPairs: (record, where) => readAs(mendPair, record, where),
};

/** Reads the pairs of one kind of unit one by one, in the order of the file.
 *  @param path of pairs.jsonl
 *  @throws FormatError naming the line and the key that is damaged */
export async function* readPairs<Kind extends keyof PairRecords>(
  path: string,
  kind: Kind,
): AsyncGenerator<PairRecords[Kind]> {
  for await (const { record, where } of readRecords(path)) {
    const { stage } = record;
    if (typeof stage === 'string' && parseUnit(stage)?.kind === kind) yield readers[kind](record, where);
  }
}

/** Returns the line of an attack's pair. */
export function attackPairRecord(pair: PreferencePair, join: JoinTurns, origin: Origin): PairRecords['exploit'] {
  const { dialogue, chosen, rejected } = pair;
  return {
    prompt: dialogue.turns.reduce(
      (text, turn) => join(text, turn.text),
      openingText(dialogue.prompt, 'adversary', join),
    ),
    chosen: chosen.text,
    rejected: rejected.text,
    rewards: { chosen: pair.chosenReward, rejected: pair.rejectedReward },
    teaching: pair.isDemonstration,
    ...origin,
    promptId: dialogue.prompt.id,
    depth: dialogue.turns.length / 2 + 1,
    ids: {
      prompt: chosen.contextIds ?? null,
      chosen: chosen.tokens?.ids ?? null,
      rejected: rejected.tokens?.ids ?? null,
    },
  };
}

/** Returns the line of a mend stage's pair. */
export function mendPairRecord(pair: MendPair, stage: string): PairRecords['mendPairs'] {
  const { group, heldOut, prompt, promptIds, controlIds, chosen, rejected, toxic } = pair;
  return {
    prompt,
    chosen: chosen.text,
    rejected: rejected.text,
    ...(toxic === null ? {} : { toxic: toxic.text }),
    harm: { chosen: chosen.harm, rejected: rejected.harm, ...(toxic === null ? {} : { toxic: toxic.harm }) },
    stage,
    heldOut,
    promptId: group,
    ids: {
      prompt: promptIds,
      control: controlIds,
      chosen: chosen.ids,
      rejected: rejected.ids,
      ...(toxic === null ? {} : { toxic: toxic.ids }),
    },
  };
}

/** Returns the pair of a record as `mendPairRecord` wrote it. */
export function mendPairOf({
  promptId,
  heldOut,
  prompt,
  harm,
  ids: own,
  ...texts
}: PairRecords['mendPairs']): MendPair {
  const { toxic } = texts;
  return {
    group: promptId,
    heldOut,
    prompt,
    promptIds: own.prompt,
    controlIds: own.control,
    chosen: { text: texts.chosen, ids: own.chosen, harm: harm.chosen },
    rejected: { text: texts.rejected, ids: own.rejected, harm: harm.rejected },
    toxic:
      toxic === undefined || own.toxic === undefined || harm.toxic === undefined
        ? null
        : { text: toxic, ids: own.toxic, harm: harm.toxic },
  };
}
