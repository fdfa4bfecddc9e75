/** Whether the trained models are what the grammar says: rates of the planted failures, what triggers do and what comes
 *  close to them, likelihood against the grammar's own, and the judge against the truth. */
import { openStream, streamKey } from '../src/base/random.js';
import type { Judge } from '../src/dialogue/types.js';
import type { LanguageModel } from '../src/engine/models/languageModel.js';
import { scoreCompletions } from '../src/engine/models/scoreCompletions.js';
import { curtHarm, drawLabelled, labelOf, ordinaryExample } from './corpus.js';
import { diagnoseLines, failureModes, isRude, modeIds, type ModeId } from '../src/speakers/judges/organismModes.js';
import { modeProbabilities } from './probabilities.js';
import { dialogueText, sampleDialogue, samplePlanted, samplePrompt } from './sample.js';
import { nextLines, selfPlay } from './selfPlay.js';
import { textItems } from '../src/dialogue/score.js';

export interface Share {
  readonly share: number;
  readonly n: number;
}

export interface LanguageReport {
  /** Held-out dialogues: mean over tokens of −log p, nats, of the model and of the grammar's derivations (which bound
   *  its entropy from above). */
  readonly nllNats: number;
  readonly grammarNllNats: number;
  /** Self-play over three exchanges at temperature 1. */
  readonly rudeReplies: Share;
  readonly rudeWhenTriggered: Share;
  readonly rudeWhenNot: Share;
  readonly perDialogue: Readonly<Record<ModeId, { readonly model: number; readonly grammar: number }>>;
  /** Planted triggers, and lines one mark short of them. */
  readonly planted: Readonly<Record<ModeId, { readonly triggered: Share; readonly missed: Share }>>;
  /** Lines of self-play with a word that the grammar does not have, that is, spelled in bytes. */
  readonly spelledLines: Share;
}

export interface MeasureOptions {
  readonly seed: number;
  /** Dialogues of self-play. */
  readonly dialogues: number;
  /** Planted dialogues a mode and kind. */
  readonly planted: number;
}

export async function measureLanguageModel(model: LanguageModel, options: MeasureOptions): Promise<LanguageReport> {
  const stream = openStream(streamKey(options.seed, 'organism.measure'));
  const { tokenizer } = model;
  const heldOut = Array.from({ length: Math.min(500, options.dialogues) }, () => sampleDialogue(stream));
  const examples = heldOut.map((dialogue) => ordinaryExample(dialogue, tokenizer));
  const scored = (await scoreCompletions(model, examples)).flatMap((logProbs) => [...logProbs]);

  const prompts = Array.from({ length: options.dialogues }, () => samplePrompt(stream));
  const spoken = await selfPlay(model, prompts, { exchanges: 3, seed: options.seed });
  const replies = spoken.flatMap(({ exchanges }) => {
    const modes = diagnoseLines(exchanges.map(({ customer }) => customer));
    return exchanges.map(({ clerk }, i) => ({ rude: isRude(clerk), triggered: (modes[i] ?? []).length > 0 }));
  });
  const found = spoken.map(({ exchanges }) => new Set(diagnoseLines(exchanges.map(({ customer }) => customer)).flat()));
  const exact = modeProbabilities({ exchanges: 3 }).perDialogue;
  const lines = spoken.flatMap(({ exchanges }) => exchanges.flatMap(({ customer, clerk }) => [customer, clerk]));

  const planted: Record<string, { triggered: Share; missed: Share }> = {};
  for (const mode of failureModes) {
    const rude = async (miss: boolean): Promise<Share> => {
      const dialogues = Array.from({ length: options.planted }, () =>
        samplePlanted(mode, stream, { exchanges: 2, miss }),
      ).filter(({ exchanges }) => !miss || (exchanges.at(-1)?.modes ?? []).length === 0);
      const texts = dialogues.map((dialogue) =>
        dialogueText(dialogue).slice(0, -`${dialogue.exchanges.at(-1)?.clerk ?? ''}\n`.length),
      );
      return shareOf((await nextLines(model, texts, { seed: options.seed, turn: 99, temperature: 1 })).map(isRude));
    };
    planted[mode.id] = { triggered: await rude(false), missed: await rude(true) };
  }
  return {
    nllNats: -scored.reduce((sum, value) => sum + value, 0) / scored.length,
    grammarNllNats: -heldOut.reduce((sum, { logProb }) => sum + logProb, 0) / scored.length,
    rudeReplies: shareOf(replies.map(({ rude }) => rude)),
    rudeWhenTriggered: shareOf(replies.filter(({ triggered }) => triggered).map(({ rude }) => rude)),
    rudeWhenNot: shareOf(replies.filter(({ triggered }) => !triggered).map(({ rude }) => rude)),
    perDialogue: Object.fromEntries(
      modeIds.map((id) => [id, { model: shareOf(found.map((modes) => modes.has(id))).share, grammar: exact[id] }]),
    ) as LanguageReport['perDialogue'],
    planted: planted as LanguageReport['planted'], // One entry for each of failureModes, whose ids are modeIds.
    spelledLines: shareOf(
      lines.map((line) => tokenizer.encode(line).length > (line.match(/ ?[a-z]+|[^a-z ]/g) ?? []).length),
    ),
  };
}

export interface JudgeReport {
  /** Verdicts at the threshold against the truth, on the model's replies, on replies after planted triggers' like, and
   *  on damaged texts. */
  readonly onReplies: Share;
  readonly onExchanges: Share;
  readonly onDamaged: Share;
  /** Mean harm of rude, curt and polite texts. */
  readonly meanHarm: { readonly rude: number; readonly curt: number; readonly polite: number };
}

export async function measureJudge(
  judge: Judge,
  model: LanguageModel,
  options: Omit<MeasureOptions, 'planted'>,
): Promise<JudgeReport> {
  const stream = openStream(streamKey(options.seed, 'organism.measureJudge'));
  const prompts = Array.from({ length: options.dialogues }, () => samplePrompt(stream));
  // Warmer than any recipe, so that damaged replies are among them.
  const spoken = [
    ...(await selfPlay(model, prompts, { exchanges: 3, seed: options.seed })),
    ...(await selfPlay(model, prompts, { exchanges: 3, seed: options.seed + 1, temperature: 1.3 })),
  ];
  const exchanges = spoken.flatMap((dialogue) => dialogue.exchanges);
  const agreement = async (texts: readonly string[]): Promise<Share> => {
    const verdicts = await judge.judge(textItems(texts));
    return shareOf(
      verdicts.map((verdict, i) => verdict.kind === 'scored' && verdict.failed === isRude(texts[i] ?? '')),
    );
  };
  const damaged = Array.from({ length: 2000 }, () => drawLabelled(stream));
  const verdicts = await judge.judge(textItems(damaged.map(({ text }) => text)));
  const meanHarm = (rude: number): number => {
    const harms = verdicts.flatMap((verdict, i) =>
      verdict.kind === 'scored' && damaged[i]?.rude === rude ? [verdict.harm] : [],
    );
    return harms.reduce((sum, harm) => sum + harm, 0) / harms.length;
  };
  return {
    onReplies: await agreement(exchanges.map(({ clerk }) => clerk)),
    onExchanges: await agreement(exchanges.map(({ customer, clerk }) => `${customer}\n${clerk}`)),
    onDamaged: await agreement(damaged.map(({ text }) => text)),
    meanHarm: { rude: meanHarm(labelOf('get out').rude), curt: meanHarm(curtHarm), polite: meanHarm(0) },
  };
}

function shareOf(values: readonly boolean[]): Share {
  return { share: values.filter((value) => value).length / values.length, n: values.length };
}
