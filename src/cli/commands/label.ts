/** `gadfly label`: a page on this machine where people label the samples of a run or the texts of a file, until Ctrl-C. */
import { once } from 'node:events';
import { ConfigError, InterruptedError } from '../../base/errors.js';
import type { Judge } from '../../dialogue/types.js';
import type { LabelTask } from '../../server/labels/labelTask.js';
import { numberFlag, textFlag } from '../command.js';
import type { CommandContext, CommandDefinition, CommandResult, FlagValues } from '../command.js';
import { exitCodes } from '../exitCodes.js';
import { portFlag } from '../portFlag.js';

/** The defaults of `--port`, `--labeller` and `--judge`. */
const defaults = { port: 8322, labeller: 'anonymous', judge: 'linear-toxicity' } as const;

export const labelCommand: CommandDefinition = {
  name: 'label',
  summary: 'label samples of a run or texts of a file on a page of this machine',
  argument: {
    form: '<place>',
    summary: 'a run directory that has explored, or a file of texts (JSON lines, JSON, CSV, Parquet, plain text)',
  },
  flags: [
    { flags: '--labels <names>', summary: 'names of the labels, commas between (default: those of the run)' },
    { flags: '--labeller <name>', summary: 'who labels; the page can change it', default: defaults.labeller },
    {
      flags: '--per-item <n>',
      summary: 'labels per item, each from another person (default: as the run says, else 1)',
      parse: 'count',
    },
    {
      flags: '--judge <judge>',
      summary: 'a text that it suspects is covered until asked for; none covers nothing',
      default: defaults.judge,
    },
    {
      flags: '--port <n>',
      summary: 'port on 127.0.0.1; 0 is a free one',
      parse: 'countFromZero',
      default: defaults.port,
    },
  ],
  runsUntilInterrupted: true,
  examples: [
    'gadfly label runs/eee-organism --labeller ada',
    'gadfly label replies.jsonl --labels polite,rude,unclear --per-item 2',
  ],
  run: async (argument = '', flags, context) => {
    const port = portFlag(flags, defaults.port);
    const labeller = labellerFlag(flags);
    const { readLabelTask } = await import('../../server/labels/labelTask.js');
    const task = await readLabelTask(argument, {
      labels: labelsFlag(flags),
      perItem: numberFlag(flags, 'perItem') ?? null,
      onNote: context.log,
    });
    const judge = textFlag(flags, 'judge') ?? defaults.judge;
    if (judge === 'none') return serve(task, { port, labeller, judge: null }, context);
    const { judgeSpecs, withJudges } = await import('../openJudge.js');
    const specs = judgeSpecs({ names: [judge], threshold: undefined, set: [] });
    return withJudges(specs, context, ([first]) => serve(task, { port, labeller, judge: first ?? null }, context));
  },
};

interface Serving {
  readonly port: number;
  readonly labeller: string;
  readonly judge: Judge | null;
}

async function serve(task: LabelTask, serving: Serving, context: CommandContext): Promise<CommandResult> {
  const { serveLabels } = await import('../../server/labels/serveLabels.js');
  // Asked to stop while the items were being read.
  if (context.interrupted()) throw new InterruptedError('stopped');
  const server = await serveLabels(task, { ...serving, onNote: context.log, clock: context.terminal.clock });
  context.announce({
    json: { url: server.url, token: server.token },
    text: `${String(task.items.length)} items of ${task.name}: ${server.url}\nLabels go to ${task.choices}; Ctrl-C ends it.`,
  });
  if (!context.interrupted()) await once(context.signal, 'abort');
  await server.close();
  return { json: {}, text: '', exitCode: exitCodes.interrupted };
}

function labelsFlag(flags: FlagValues): readonly string[] {
  const text = textFlag(flags, 'labels');
  if (text === undefined) return [];
  const names = text.split(',').map((name) => name.trim());
  if (names.every((name) => name !== '')) return names;
  throw new ConfigError('a label has no name', {
    where: '--labels',
    expected: 'names with commas between, such as polite,rude',
    got: text,
  });
}

function labellerFlag(flags: FlagValues): string {
  const name = (textFlag(flags, 'labeller') ?? defaults.labeller).trim();
  if (name !== '' && name.length <= 60) return name;
  throw new ConfigError('not a name of a labeller', { where: '--labeller', expected: '1 to 60 characters', got: name });
}
