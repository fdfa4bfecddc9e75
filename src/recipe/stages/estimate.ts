/** The stage `estimate`: how probable a failure is in ordinary use, from ordinary dialogues and tilted ones. */
import { z } from 'zod';
import { count, countFromZero, modelName, share } from '../../base/schemaParts.js';
import { linearCalls } from '../../speakers/calls.js';
import { judgeSchema } from '../../speakers/judges/options.js';
import { noWork, speakerWork, verdictsPerExchange } from '../../speakers/work.js';
import { dialoguesForBound } from '../../stats/boundedMean.js';
import { noTraits, type StageKind } from './stage.js';

/** Dialogues that are played together. */
export const dialoguesPerBatch = 128;

/** The name of a stage without one. */
const estimateName = 'estimate';

/** λ of the tilted models that a pilot tries. */
export const pilotTemperings = [0.3, 0.6, 1] as const;

/** α that a pilot chooses from. */
export const pilotMixtures = [0.1, 0.2, 0.35, 0.5] as const;

const event = z
  .string()
  .regex(/^(dialogue|reply|label:.+)$/, 'dialogue, reply, or label:NAME')
  .describe(
    'dialogue: any reply fails. reply: one of its replies, drawn at random. label:NAME: any reply has this label of the judge.',
  );

const estimateSchema = z.strictObject({
  name: modelName.describe('Name of the estimate; default estimate.'),
  users: z
    .string()
    .min(1)
    .default('untuned')
    .describe(
      'The users: untuned is the recipe’s adversary before training; a model, such as one that was trained on your own logs; or file:PATH, first lines of real users, from which the untuned adversary goes on.',
    ),
  proposal: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Adversary towards which dialogues are tilted, so that failures are seen more often: the name of an earlier stage, or a model of the users’ architecture. null: ordinary dialogues alone.',
    ),
  dialogues: count.default(2000).describe('Dialogues of the estimate; those of the pilot come on top.'),
  turns: count.default(3).describe('Exchanges of a dialogue.'),
  event: z
    .union([event, z.array(event).min(1)])
    .default('dialogue')
    .describe('The event, or several, which are all read off the same dialogues.'),
  judge: judgeSchema.optional().describe('Default: the judge of the recipe.'),
  openings: z
    .enum(['sample', 'all'])
    .default('sample')
    .describe(
      'sample: the prompts, or the lines of users:, stand for others like them; several dialogues of one opening are then taken together. all: they are all there are, each as likely as another.',
    ),
  mixture: z
    .number()
    .gt(0)
    .max(1)
    .nullable()
    .default(null)
    .describe('Share of ordinary dialogues, α. null: a pilot chooses it.'),
  tempering: z
    .number()
    .gt(0)
    .max(1)
    .nullable()
    .default(null)
    .describe('How far tilted dialogues lean to the proposal, λ: 1 is the proposal itself. null: a pilot chooses it.'),
  pilot: countFromZero
    .default(400)
    .describe('Dialogues of the pilot, which are thrown away. 0: no pilot; mixture and tempering are then given.'),
  wish: z
    .strictObject({
      guaranteed: share.optional().describe('The dry run says how many dialogues this guaranteed bound needs.'),
    })
    .prefault({}),
});

export type EstimateOptions = z.output<typeof estimateSchema>;

export const estimate: StageKind<typeof estimateSchema> = {
  summary: 'estimate how probable a failure is in ordinary use, and nothing else',
  schema: estimateSchema,
  inLoop: 'own count',
  traits: ({ name = estimateName, users, proposal, judge }) => ({
    ...noTraits,
    name,
    prompts: openingsFile(users) === null ? [{ set: 'test' }] : [],
    files: [{ key: 'users', name: openingsFile(users) }],
    judges: judge === undefined ? [] : [{ path: ['judge'], judge }],
    models: [
      { key: 'users', model: usersModel(users) },
      { key: 'proposal', model: proposal !== null && isModel(proposal) ? proposal : null },
    ],
  }),
  work: (options, lengths) => {
    const { dialogues, turns, proposal, pilot } = options;
    const set = { ...lengths, adversary: endless(lengths.adversary), target: endless(lengths.target) };
    const played = dialogues + (hasPilot(options) ? pilot : 0);
    const whole = Math.floor(played / dialoguesPerBatch);
    const calls = [
      linearCalls(set, 'test', dialoguesPerBatch, turns, whole),
      linearCalls(set, 'test', played - whole * dialoguesPerBatch, turns, 1),
    ];
    const spoken = calls.flatMap((each) => each.adversary);
    const target = speakerWork(calls.flatMap((each) => each.target));
    return {
      ...noWork,
      // Every utterance is read once more, token by token, under the model that did not say it.
      adversary: speakerWork(proposal === null ? spoken : [...spoken, ...spoken]),
      target,
      judgeQueries: target.queries * verdictsPerExchange,
    };
  },
  remarks: (options) => boundRemarks(options),
};

/** Prompts come again as often as they are needed. */
function endless<Side extends { readonly prompts: { readonly test: readonly number[] } }>(side: Side): Side {
  const { test } = side.prompts;
  const known = test.length === 0 ? [0] : test;
  return {
    ...side,
    prompts: {
      ...side.prompts,
      test: Array.from({ length: dialoguesPerBatch }, (_, i) => known[i % known.length] ?? 0),
    },
  };
}

/** Returns the path of a file of first lines; null for other users. */
export function openingsFile(users: string): string | null {
  return users.startsWith('file:') ? users.slice('file:'.length) : null;
}

/** Returns the model of the users, where it is not the recipe's adversary. */
export function usersModel(users: string): string | null {
  return users === 'untuned' || openingsFile(users) !== null ? null : users;
}

/** Whether a proposal is a model and no stage. */
export function isModel(proposal: string): boolean {
  return /^(\.{0,2}\/|~|hf:|organism$|smollm2$)/.test(proposal);
}

/** Whether a pilot chooses how dialogues are tilted. */
export function hasPilot({ proposal, pilot, mixture, tempering }: EstimateOptions): boolean {
  return proposal !== null && pilot > 0 && (mixture === null || tempering === null) && mixture !== 1;
}

/** Says what the guaranteed bound can be, and what a wished one costs. */
function boundRemarks({ name = estimateName, dialogues, proposal, mixture, wish }: EstimateOptions): readonly string[] {
  const share = proposal === null ? 1 : (mixture ?? pilotMixtures[0]);
  const text = (n: number): string => Math.round(n).toLocaleString('en');
  const mixed =
    share === 1
      ? ''
      : ` (${String(100 * share)}% of them ordinary${mixture === null ? ', the least that the pilot may choose' : ''})`;
  const bound = leastBound(dialogues, share);
  const own = `${name}: ${text(dialogues)} dialogues${mixed} without a failure would guarantee at most ${percent(bound)}; failures raise the bound`;
  const { guaranteed } = wish;
  if (guaranteed === undefined || guaranteed <= 0 || guaranteed >= 1) return [own];
  const plain = dialoguesForBound(guaranteed, 1);
  const wished = dialoguesForBound(guaranteed, share);
  const either = share === 1 ? '' : `, or ${text(plain)} that are all ordinary`;
  return [
    own,
    `${name}: a guaranteed bound of ${percent(guaranteed)} needs at least ${text(wished)} dialogues${either}`,
  ];
}

function leastBound(dialogues: number, plainShare: number): number {
  return Math.min(1, (1 - 0.025 ** (1 / dialogues)) / plainShare);
}

function percent(value: number): string {
  return `${Number((100 * value).toPrecision(2))}%`;
}
