/** Opens the adversary in training: on this machine, or with an adapter that a server trains while its base speaks here.
 */
import { ConfigError, TargetError } from '../base/errors.js';
import { present } from '../base/invariant.js';
import type { Spending } from '../base/spending.js';
import { openAdapter } from '../engine/models/adapters/adapter.js';
import { type LanguageModel, wearAdapter } from '../engine/models/languageModel.js';
import type { Sequence } from '../engine/models/packSequences.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { learnerElsewhere } from '../learning/elsewhere/learner.js';
import { withAdapterFolder } from '../learning/elsewhere/adapterArchive.js';
import { measureNormalisation, probeData } from '../learning/elsewhere/normalisation.js';
import { completionOf, createTinkerPolicy, datumOf } from '../learning/elsewhere/tinkerPolicy.js';
import { type Learner, localLearner } from '../learning/learner.js';
import { openTinkerConnection, type TinkerConnection } from '../remote/tinker/connection.js';
import { openTinkerModel, type TinkerModel, type TinkerModelOptions } from '../remote/tinker/model.js';
import { createLanguageModelAdversary, type LanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import type { TrainerOptions } from '../speakers/options.js';
import { speakerOptions } from '../speakers/speakerOptions.js';
import { type AdversaryParts, type AdversaryToOpen, openAdversary, openBase } from './adversaries.js';
import { sharedTrained } from './castOrigins.js';
import { type Handle, owned } from './handle.js';
import type { RequestOptions } from './remoteSpeakers.js';
import { listeners } from './rolloutSpeakers.js';

export interface TrainedAdversary {
  readonly adversary: LanguageModelAdversary;
  /** @param onStep called after every optimizer step */
  readonly learner: (onStep: () => void) => Learner;
  /** Must be called before the adversary, or another speaker on its weights, speaks. */
  readonly refresh: () => Promise<void>;
  /** Log-probabilities of completions under the adversary as it starts, where those are read elsewhere; null where the
   *  reference is opened here. */
  readonly startLogProbs: ((sequences: readonly Sequence[]) => Promise<readonly (readonly number[])[]>) | null;
}

export async function openTrained(
  parts: AdversaryParts,
  options: Omit<AdversaryToOpen, 'trainable'>,
): Promise<Handle<TrainedAdversary>> {
  const { trainer } = parts.recipe.adversary;
  if (trainer !== null) return openElsewhere(parts, options, trainer);
  const { value, close } = await openAdversary(parts, { ...options, trainable: true });
  const adversary = sharedTrained(value, { name: options.name, speaker: parts.recipe.adversary });
  const learner: TrainedAdversary['learner'] = (onStep) => localLearner(adversary.model, onStep);
  return owned({ adversary, learner, refresh: () => Promise.resolve(), startLogProbs: null }, close);
}

async function openElsewhere(
  parts: AdversaryParts,
  { name, folder, valueHead }: Omit<AdversaryToOpen, 'trainable'>,
  trainer: TrainerOptions,
): Promise<Handle<TrainedAdversary>> {
  const { recipe, requests } = parts;
  if (folder !== undefined || valueHead !== undefined)
    throw new ConfigError('a trainer elsewhere trains a new adapter and nothing beside it', {
      where: 'adversary.trainer',
      remedy: 'Leave out from:, and choose an attack without a value head.',
    });
  const connection = openTinkerConnection(connectionOptions(trainer, requests));
  const toClose: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const each of toClose.reverse()) await each();
    connection.close();
  };
  const asked: TinkerModelOptions = {
    baseModel: trainer.baseModel ?? recipe.adversary.model,
    rank: trainer.rank,
    seed: recipe.seed,
    note: requests.note,
  };
  // Every session asks this anew: a resumed run has counted it before.
  const open = async (): Promise<TrainedAdversary> => {
    const { value: base, close: closeBase, where } = await openBase(parts);
    toClose.push(closeBase);
    const remote = await openTinkerModel(connection, asked);
    toClose.push(remote.close);
    const start = await remote.save(`${name}-start`.replace(/[^A-Za-z0-9_-]/g, '-'));
    await requireSameBase(base, remote, connection, asked.baseModel);
    const measured = await measureNormalisation(remote, start, base.vocabularySize, connection.where);
    requests.note(
      `the trainer at ${connection.where} takes ${measured.normalisation === 'sum' ? 'sums over tokens' : 'means over tokens and sequences'}, and ${measured.clips ? 'clips gradients' : 'ignores maxGradientNorm: gradients are not clipped'}`,
    );
    const adapter = await withAdapterFolder(await remote.adapter('start'), (path) =>
      openAdapter(base.device, base.architecture, path),
    );
    const model = wearAdapter(base, { ...adapter, base: where }, { name, trainable: true });
    toClose.push(model.close);
    const policy = createTinkerPolicy(remote, model, { ...measured, name });
    const local = createLanguageModelAdversary(model, {
      ...speakerOptions(recipe.adversary),
      ...listeners(requests, 'adversary'),
    });
    return {
      adversary: sharedTrained(local, { name, speaker: recipe.adversary }),
      learner: (onStep) => learnerElsewhere(policy, onStep),
      refresh: policy.refresh,
      startLogProbs: recipe.reference === null ? readStart(connection, asked, toClose) : null,
    };
  };
  try {
    return owned(await requests.spending.uncounted(open), close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** Reads a second model, with an adapter that was never trained and therefore changes nothing: the same arithmetic as the
 *  policy's own. Opened at the first reading. */
function readStart(
  connection: TinkerConnection,
  asked: TinkerModelOptions,
  toClose: (() => Promise<void>)[],
): NonNullable<TrainedAdversary['startLogProbs']> {
  let opened: TinkerModel | null = null;
  return async (sequences) => {
    if (opened === null) {
      opened = await openTinkerModel(connection, asked);
      toClose.push(opened.close);
    }
    const lists = await opened.forward(sequences.map(datumOf));
    return sequences.map((sequence, i) => completionOf(sequence, present(lists[i], 'log-probabilities of each')));
  };
}

/** Mean difference that the arithmetic of two machines, one of them in 16 bits, may make, nats. Another model differs by
 *  more than a nat. */
const sameModel = 0.3;

/** @throws TargetError when the server's base reads tokens otherwise than the model on this machine */
async function requireSameBase(
  base: LanguageModel,
  remote: TinkerModel,
  { where }: TinkerConnection,
  baseModel: string,
): Promise<void> {
  const data = probeData(base.vocabularySize);
  const theirs = (await remote.forward(data)).flat();
  const ours = await scoreCompletions(
    base,
    data.map(({ inputs, targets }) => ({ prefix: inputs.slice(0, 1), completion: targets })),
  );
  const off = ours.flatMap((list) => [...list]).map((logProb, i) => Math.abs(logProb - (theirs[i] ?? NaN)));
  const mean = off.reduce((sum, each) => sum + each, 0) / off.length;
  if (mean < sameModel) return;
  throw new TargetError('the trainer’s base is not the model that speaks here', {
    where,
    expected: `the weights of ${base.name}`,
    got: `${baseModel}, whose log-probabilities differ by ${mean.toPrecision(3)} nats on the mean`,
    remedy: 'Name the same model in adversary.model and trainer.baseModel.',
  });
}

function connectionOptions(
  { baseUrl, apiKeyEnv, timeout, retries, requestsPerMinute, prices }: TrainerOptions,
  { environment, signal, beforeRequest, spending }: RequestOptions,
): Parameters<typeof openTinkerConnection>[0] {
  return {
    baseUrl,
    apiKeyEnv: apiKeyEnv ?? null,
    environment,
    timeoutMs: timeout * 1000,
    retries,
    requestsPerMinute,
    prices,
    beforeRequest,
    onAnswer: ({ tokensRead, tokensGenerated, cost }) => countTokens(spending, tokensRead + tokensGenerated, cost),
    ...(signal === undefined ? {} : { signal }),
  };
}

function countTokens(spending: Spending, trainerTokens: number, cost: number): void {
  spending.add({ trainerTokens, cost });
}
