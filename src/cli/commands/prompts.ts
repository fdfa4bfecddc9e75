/** `gadfly prompts`: the adversarial prompts of a run's evaluation, with their failure rates. */
import { ConfigError } from '../../base/errors.js';
import type { AdversarialPrompt, ClusterTexts } from '../../measures/adversarialPrompts.js';
import type { Columns } from '../../dialogue/plainTable.js';
import { exitCodes } from '../exitCodes.js';
import { listFlag, numberFlag, textFlag } from '../command.js';
import type { CommandContext, CommandDefinition, FlagValues } from '../command.js';

export const promptsCommand: CommandDefinition = {
  name: 'prompts',
  summary: 'what the adversaries of an evaluation said, each different text once, with its failure rate',
  argument: { form: '<dir>', summary: 'a run directory' },
  flags: [
    { flags: '--out <file>', summary: 'FILE.jsonl, FILE.csv or FILE.parquet; replaced when it exists' },
    { flags: '--rows <name>', summary: 'rows of the evaluation; repeatable (default: all)', parse: 'list' },
    { flags: '--judge <name>', summary: 'judge whose verdicts count (default: the first of the evaluation)' },
    {
      flags: '--per-cluster <n>',
      summary: 'of texts of one cluster the surest n of each row',
      parse: 'count',
    },
    {
      flags: '--embed <model>',
      summary: 'encoder of sentences that tells by meaning which texts are alike, such as minilm (default: by words)',
    },
    { flags: '--n <n>', summary: 'n of them, drawn at random after all the rest is chosen', parse: 'count' },
    { flags: '--seed <n>', summary: 'seed of that draw', parse: 'integer', default: 0 },
    { flags: '--all', summary: 'those as well to which no reply failed' },
  ],
  examples: [
    'gadfly prompts runs/demo --out prompts.csv',
    'gadfly prompts runs/demo --rows ipo --per-cluster 1 --out prompts.parquet',
    'gadfly prompts runs/demo --embed minilm --per-cluster 1 --n 100 --seed 1 --out prompts.jsonl',
  ],
  run: async (argument = '', flags, context) => {
    const out = outFlag(flags);
    const { readEvaluated } = await import('../readEvaluated.js');
    const { collectPrompts, firstOfEachCluster, samplePrompts } = await import('../../measures/adversarialPrompts.js');
    const { dialogues, judge } = await readEvaluated(argument, {
      rows: listFlag(flags, 'rows'),
      judge: textFlag(flags, 'judge') ?? null,
    });
    const embed = textFlag(flags, 'embed');
    const found = await (embed === undefined
      ? collectPrompts(dialogues, judge)
      : collectPrompts(dialogues, judge, await clusterBy(embed, context)));
    const wanted = flags['all'] === true ? found : found.filter(({ failed }) => failed > 0);
    const prompts = samplePrompts(firstOfEachCluster(wanted, numberFlag(flags, 'perCluster') ?? Infinity), {
      n: numberFlag(flags, 'n') ?? Infinity,
      seed: numberFlag(flags, 'seed') ?? 0,
    });
    const document = {
      run: argument,
      judge,
      embed: embed ?? null,
      different: found.length,
      clusters: new Set(found.map(({ cluster }) => cluster)).size,
      prompts: prompts.length,
    };
    if (prompts.length === 0) {
      context.log('gadfly: there is no prompt to write');
      return { json: { ...document, out: null }, text: `0 of ${String(found.length)}`, exitCode: exitCodes.error };
    }
    const { writeFileAtomic } = await import('../../base/files.js');
    const { tableCsv, tableLines, tableParquet } = await import('../../dialogue/plainTable.js');
    const write = out.endsWith('.csv') ? tableCsv : out.endsWith('.parquet') ? tableParquet : tableLines;
    writeFileAtomic(out, write(prompts, columns));
    return {
      json: { ...document, out },
      text: `${out}: ${String(prompts.length)} of ${String(found.length)} different utterances, by ${judge}`,
    };
  },
};

const columns: Columns<AdversarialPrompt> = {
  row: 'text',
  prompt: 'text',
  said: 'count',
  scored: 'count',
  failed: 'count',
  failureRate: 'number',
  low: 'number',
  high: 'number',
  nllPerToken: 'number',
  cluster: 'count',
};

/** Texts are near by the cosine from which an evaluation counts two attacks as one. */
async function clusterBy(modelId: string, context: CommandContext): Promise<ClusterTexts> {
  const { localModelPath, openCommandDevice } = await import('../openModel.js');
  const { loadEmbedder } = await import('../../engine/models/embedder.js');
  const { embedTexts } = await import('../../stages/explore/embed.js');
  const { clusterByCosine } = await import('../../stats/embeddedVariety.js');
  const path = await localModelPath(modelId, context, '--embed');
  return async (texts) => {
    const device = await openCommandDevice(context);
    try {
      return clusterByCosine(await embedTexts(await loadEmbedder(device, path), texts));
    } finally {
      await device.close();
    }
  };
}

function outFlag(flags: FlagValues): string {
  const out = textFlag(flags, 'out');
  if (out !== undefined && /\.(jsonl|csv|parquet)$/.test(out)) return out;
  throw new ConfigError(out === undefined ? 'no file is named' : 'this ending is not known', {
    where: '--out',
    expected: 'FILE.jsonl, FILE.csv or FILE.parquet',
    ...(out === undefined ? {} : { got: out }),
  });
}
