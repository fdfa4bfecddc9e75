/** `gadfly bench`: how much a model does per second on this machine, kept so that `gadfly run RECIPE --dry-run` can tell how
 *  long a run takes. */
import type { CommandContext, CommandDefinition } from '../command.js';
import { cacheFolder } from '../modelCache.js';
import { formatTable } from '../../render/terminal/table.js';
import type { Measured } from '../../planning/measureRates.js';
import type { JsonObject } from '../../base/json.js';
import type { ModelRates, SpeakingRates } from '../../planning/rates.js';

export const benchCommand: CommandDefinition = {
  name: 'bench',
  summary:
    'measure how quickly this machine reads, generates and trains with a model; `gadfly run --dry-run` estimates by it',
  argument: { form: '[name]', summary: 'the model: organism (default), smollm2, ./dir, ./file.gguf or hf:org/name' },
  flags: [],
  examples: ['gadfly bench', 'gadfly bench smollm2 --threads 2', 'gadfly bench ./model --json'],
  run: async (argument, _flags, context) => {
    const name = argument ?? 'organism';
    const { localModelPath, openCommandDevice } = await import('../openModel.js');
    const { measureRates } = await import('../../planning/measureRates.js');
    const { loadPrompts } = await import('../../dialogue/datasets/loadDataset.js');
    const { speakerFormat } = await import('../../speakers/speakerOptions.js');
    const { assetPath } = await import('../../base/packageRoot.js');
    const { rateKey } = await import('../../planning/rates.js');
    const { globals, progress, terminal } = context;
    const path = await localModelPath(name, context, 'bench');
    const format = speakerFormat({ model: name });
    const openers =
      format === 'lines' ? assetPath('organism', 'prompts.json') : assetPath('prompts', 'everyday-openers.json');
    const { items: prompts } = await loadPrompts(openers);
    const device = await openCommandDevice(context);
    const start = terminal.clock.monotonicMs();
    const measured = await measureRates({
      device,
      path,
      format,
      prompts,
      clock: terminal.clock,
      note: context.log,
      onMeasure: (measure, done, total) => {
        progress.update({ task: 'bench', done, total, unit: 'measures', note: measure });
      },
    }).finally(() => device.close());
    progress.stop();
    const seconds = (terminal.clock.monotonicMs() - start) / 1000;
    const { frozen, trainable, utterances } = measured;
    const key = rateKey(path, { threads: device.threads, device: globals.device });
    const stored = await store(
      { key, name, measuredAt: terminal.clock.isoNow(), frozen, trainable, utterances },
      context,
    );
    return {
      json: { model: name, key: { ...key }, ...asJson(measured), seconds, stored },
      text: [
        `${name}: ${measured.parameters.toLocaleString('en')} weights, ${device.threads} threads, ${globals.device}`,
        '',
        tableOf(measured),
        '',
        stored === null ? 'not kept' : `kept in ${stored}, for \`gadfly run RECIPE --dry-run\``,
      ].join('\n'),
    };
  },
};

/** A cache that cannot be written costs the estimates, not the figures. */
async function store(rates: ModelRates, { globals, terminal, log }: CommandContext): Promise<string | null> {
  const { writeRates } = await import('../../planning/rates.js');
  try {
    return writeRates(cacheFolder(globals, terminal.environment), rates);
  } catch (error) {
    log(`the rates cannot be kept: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

function asJson({
  parameters,
  contextLength,
  shape,
  frozen,
  trainable,
  utterances: { format, limit, adversary, target },
}: Measured): JsonObject {
  return {
    parameters,
    contextLength,
    shape: { ...shape },
    frozen: speakingJson(frozen),
    trainable: trainable === null ? null : { ...speakingJson(trainable), training: trainable.training },
    utterances: { format, limit, adversary: mean(adversary), target: mean(target) },
  };
}

function speakingJson({ reading, generating }: SpeakingRates): JsonObject {
  return { reading, generating: generating.map((rate) => ({ ...rate })) };
}

function mean(lengths: readonly number[]): number | null {
  return lengths.length === 0 ? null : lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
}

function tableOf({ shape, frozen, trainable }: Measured): string {
  const inTraining = (batch: number): number | undefined =>
    trainable?.generating.find((rate) => rate.batch === batch)?.tokensPerSecond;
  const rows = [
    [`reading ${shape.readingRows} × ${shape.promptTokens}`, shown(frozen.reading), shown(trainable?.reading)],
    ...frozen.generating.map(({ batch, tokensPerSecond }) => [
      `generating ${shape.newTokens} after ${shape.promptTokens}, batch ${batch}`,
      shown(tokensPerSecond),
      shown(inTraining(batch)),
    ]),
    [
      `training, ${shape.pairs} pairs of ${shape.promptTokens} + 2 × ${shape.newTokens} a step`,
      '',
      shown(trainable?.training),
    ],
  ];
  return formatTable(['tokens per second', 'frozen', 'in training'], rows, [1, 2]);
}

function shown(rate: number | undefined): string {
  if (rate === undefined) return '–';
  return rate >= 100 ? Math.round(rate).toLocaleString('en') : rate.toPrecision(3);
}
