/** Gives a local model what it needs to take turns, on either side of a dialogue: a format, a sampler, counts. */
import { isBlank } from '../base/blank.js';
import { invariant, present } from '../base/invariant.js';
import type { SpokenWork } from '../base/spending.js';
import type { Author, Dialogue, SpeakRequest, Utterance } from '../dialogue/types.js';
import { generate, type Generated, type GenerateRequest } from '../engine/models/generate.js';
import type { LanguageModel, Precision } from '../engine/models/languageModel.js';
import { scoreDraws } from '../engine/models/scoreDraws.js';
import { openFormat } from './formats/all.js';
import type { Context, FormatKind, SpeakerFormat } from './formats/format.js';
import { noReply } from '../remote/noReply.js';
import { type ReasoningRule, type SaidPart, saidPart } from './visibleText.js';
import type { Steering } from './steering.js';
import { defaultMaxContextTokens, defaultSampling, generationOptions, type SpeakerSampling } from './generation.js';

export interface LocalSpeakerOptions {
  /** Its name in reports; the model's name when absent. */
  readonly name?: string;
  readonly format: FormatKind;
  readonly sampling?: Partial<SpeakerSampling>;
  /** Contexts keep their last this many tokens; never more than the model can read. */
  readonly maxContextTokens?: number;
  /** The precision of its computation; default 'f32'. */
  readonly precision?: Precision;
  /** Says whether reasoning in what it says is cut; default: it is. */
  readonly reasoning?: ReasoningRule;
  /** An instruction to the speaker; `chat` only. */
  readonly system?: string;
  /** A planner that steers what it says; default none. */
  readonly steering?: Steering;
  /** Called once, when an utterance of this model's tokenizer stands in a context with other ids than those it was
   *  generated with. */
  readonly onRewritten?: () => void;
  /** Called with what every batch took. */
  readonly onSpoken?: (work: SpokenWork) => void;
}

/** Counts a speaker's work since it was opened. */
export interface SpeakerCounts {
  /** Utterances asked for. */
  readonly queries: number;
  readonly contextTokens: number;
  readonly generatedTokens: number;
  /** Contexts that lost their oldest tokens to the limit. */
  readonly truncatedContexts: number;
  /** Utterances read from text because their ids were of another tokenizer. */
  readonly retokenisedUtterances: number;
  /** US dollars; remote speakers. */
  readonly cost?: number;
  /** Answers that came from the run's own cache; remote speakers. */
  readonly cachedRequests?: number;
  /** Replies that the provider's content filter cut or withheld; remote speakers. */
  readonly filteredReplies?: number;
}

export interface SpokenTurn {
  readonly utterance: Utterance;
  readonly context: Context;
  /** log p of the context's last utterance, token by token, when it was asked for. Nats. */
  readonly lastUtteranceLogProbs: readonly number[] | null;
}

export interface LocalSpeaker {
  readonly name: string;
  readonly format: SpeakerFormat;
  readonly sampling: SpeakerSampling;
  readonly context: (dialogue: Dialogue) => Context;
  /** @param scoreLast whether the same pass shall also give the log-probabilities of the last utterance */
  readonly speak: (requests: readonly SpeakRequest[], scoreLast: boolean) => Promise<readonly SpokenTurn[]>;
  /** Returns log p of each of these ids as its next utterance, as its sampler would have drawn them, nats; −∞ for an id
   *  that it would not have drawn. */
  readonly drawLogProbs: (said: readonly SaidIds[]) => Promise<readonly (readonly number[])[]>;
  readonly counts: () => SpeakerCounts;
}

/** An utterance in ids, and the dialogue before it. */
export interface SaidIds {
  readonly dialogue: Dialogue;
  readonly ids: readonly number[];
}

export function openLocalSpeaker(model: LanguageModel, author: Author, options: LocalSpeakerOptions): LocalSpeaker {
  const sampling: SpeakerSampling = { ...defaultSampling, ...options.sampling };
  const { steering } = options;
  const room = Math.max(1, model.contextLength - sampling.maxNewTokens - (steering?.addedTokens ?? 0));
  const format = openFormat(options.format, {
    role: author,
    tokenizer: model.tokenizer,
    chatTemplate: model.chatTemplate,
    maxContextTokens: Math.min(options.maxContextTokens ?? defaultMaxContextTokens, room),
    ...(options.system === undefined ? {} : { system: options.system }),
  });
  const generation = generationOptions(sampling, format);
  const counts = { queries: 0, contextTokens: 0, generatedTokens: 0, truncatedContexts: 0, retokenisedUtterances: 0 };

  let rewritten = false;
  const count = (contexts: readonly Context[], generated: number): void => {
    const read = contexts.reduce((sum, { ids }) => sum + ids.length, 0);
    options.onSpoken?.({ replies: contexts.length, tokensRead: read, tokensGenerated: generated });
    counts.queries += contexts.length;
    counts.generatedTokens += generated;
    counts.contextTokens += read;
    for (const context of contexts) {
      counts.retokenisedUtterances += context.retokenised;
      if (context.droppedTokens > 0) counts.truncatedContexts++;
    }
    if (!rewritten && contexts.some((context) => context.rewritten > 0)) {
      rewritten = true;
      options.onRewritten?.();
    }
  };

  const said = ({ text, finishReason }: Generated): SaidPart => {
    const { reasoning: rule = 'cut' } = options;
    const part = saidPart(text, { rule, finishReason, opened: format.opensReasoning ?? false });
    // What a target does not say is no harmless reply; an adversary may keep silent.
    if (author === 'adversary' || part.noReply !== undefined || !isBlank(part.text)) return part;
    return { ...part, text: '', noReply: noReply(finishReason === 'length' ? 'emptyAtLimit' : 'empty').reason };
  };

  return {
    name: options.name ?? model.name,
    format,
    sampling,
    context: format.context,
    counts: () => ({ ...counts }),
    drawLogProbs: async (said) => {
      invariant(steering === undefined, 'what a steered speaker would have drawn is not read');
      const items = said.map(({ dialogue, ids }) => ({ prefix: format.context(dialogue).ids, completion: ids }));
      const scored = await scoreDraws(model, items, { ...sampling, stopIds: format.stop.stopIds });
      const read = items.reduce((sum, { prefix, completion }) => sum + prefix.length + completion.length, 0);
      options.onSpoken?.({ replies: 0, tokensRead: read, tokensGenerated: 0 });
      return scored;
    },
    speak: async (requests, scoreLast) => {
      const contexts = requests.map((request) => format.context(request.dialogue));
      const steered = await steering?.steer(contexts, requests);
      invariant(!(scoreLast && steered !== undefined), 'a steered speaker scores nothing that was said before');
      const results = await generate(
        model,
        requests.map((request, i) => ({
          ...toRequest(contexts[i] as Context, request, scoreLast),
          ...(steered === undefined
            ? { continues: hasSpoken(request, author) }
            : { ids: present(steered.ids[i], 'ids of each context') }),
        })),
        {
          ...generation,
          precision: options.precision ?? 'f32',
          keep: steered === undefined && requests.some(({ goesOn = false }) => goesOn),
          soft: steered?.soft,
        },
      );
      count(
        contexts,
        results.reduce((sum, result) => sum + result.ids.length, 0),
      );
      return results.map((result, i): SpokenTurn => {
        const context = contexts[i] as Context;
        const length = context.lastUtterance?.length ?? 0;
        return {
          context,
          lastUtteranceLogProbs: result.scored === null ? null : result.scored.slice(0, length),
          utterance: {
            author,
            ...said(result),
            contextIds: context.ids,
            ...(steered === undefined ? {} : { decision: present(steered.decisions[i], 'a decision per context') }),
            tokens: {
              tokenizerId: model.tokenizer.id,
              ids: result.ids,
              logProbs: result.logProbs,
              samplingLogProbs: result.samplingLogProbs,
            },
          },
        };
      });
    },
  };
}

/** Whether the dialogue holds a turn of this speaker. A first turn is read from the beginning, whatever was said in
 *  other dialogues, so that a rollout gives the same bits whenever it is made. */
function hasSpoken({ dialogue }: SpeakRequest, author: Author): boolean {
  return dialogue.turns.some((turn) => turn.author === author);
}

/** An utterance that stands at the very beginning, as after no prompt and without a start token, is not scored: the
 *  probability of a first token after nothing is not defined. Its NLL is unknown then. */
function toRequest({ ids, lastUtterance }: Context, { stream }: SpeakRequest, scoreLast: boolean): GenerateRequest {
  return scoreLast && lastUtterance !== null && lastUtterance.length > 0 && lastUtterance.start > 0
    ? { ids, stream, scoreFrom: lastUtterance.start }
    : { ids, stream };
}
