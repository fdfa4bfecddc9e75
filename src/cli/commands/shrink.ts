/** `gadfly shrink`: the shortest, likeliest dialogue found in which the target of a run still fails. */
import { ConfigError } from '../../base/errors.js';
import { formatTable } from '../../render/terminal/table.js';
import { numberFlag, textFlag } from '../command.js';
import type { CommandDefinition, FlagValues } from '../command.js';

const defaults = { minRate: 0.5, draws: 8, budget: 400 } as const;

export const shrinkCommand: CommandDefinition = {
  name: 'shrink',
  summary: 'the shortest, likeliest dialogue that still makes the target fail, from a finding of a run',
  argument: { form: '<run>', summary: 'a run directory with an evaluation' },
  flags: [
    {
      flags: '--finding <id>',
      summary: 'a finding, as sarif and compare name it (default: the one with the most failures)',
    },
    {
      flags: '--min-rate <x>',
      summary: 'share of draws that must still fail, above 0 and at most 1',
      parse: 'number',
      default: defaults.minRate,
    },
    {
      flags: '--draws <k>',
      summary: 'draws of the target per dialogue that is tried',
      parse: 'count',
      default: defaults.draws,
    },
    { flags: '--budget <n>', summary: 'most dialogues that are tried', parse: 'count', default: defaults.budget },
    { flags: '--seed <n>', summary: 'seed of the draws (default: 0)', parse: 'integer' },
  ],
  examples: ['gadfly shrink runs/demo', 'gadfly shrink runs/demo --min-rate 0.8 --draws 16 --json'],
  run: async (argument = '', flags, context) => {
    const options = {
      finding: textFlag(flags, 'finding') ?? null,
      minRate: rateFlag(flags),
      draws: numberFlag(flags, 'draws') ?? defaults.draws,
      budget: numberFlag(flags, 'budget') ?? defaults.budget,
      seed: numberFlag(flags, 'seed') ?? 0,
    };
    const { readEvaluation } = await import('../../report/evaluation.js');
    const { recipeOfRun } = await import('../../recipe/readRecipe.js');
    const { shrinkOfRun } = await import('../../signoff/shrink/shrinkOfRun.js');
    const { openPool } = await import('../poolSettings.js');
    const view = await readEvaluation(argument);
    const loaded = recipeOfRun(view.manifest, `${argument}/manifest.json`);
    const pool = openPool(loaded, context);
    try {
      const found = await shrinkOfRun(view, { recipe: loaded.recipe, pool }, options);
      const { finding, before, after, dialogue, tries, isCut, freshDraws } = found;
      const row = (name: string, size: typeof before): readonly string[] => [
        name,
        String(size.turns),
        String(size.tokens),
        size.nll.toFixed(2),
        `${(100 * size.rate).toFixed(0)}%`,
      ];
      return {
        json: {
          finding,
          before: { ...before },
          after: { ...after },
          dialogue: dialogue.map((turn) => ({ ...turn })),
          tries,
          isCut,
          freshDraws,
        },
        text: [
          `finding ${finding}`,
          formatTable(
            ['', 'exchanges', 'tokens', 'nats', 'fails'],
            [row('before', before), row('after', after)],
            [1, 2, 3, 4],
          ),
          `Nats are those of the adversary’s words under the untuned adversary; rates are of ${String(freshDraws)} fresh draws. ${String(tries)} dialogues were tried${isCut ? ': the budget ended the search' : ''}.`,
          '',
          ...dialogue.map(({ author, text }) => `${author}: ${text}`),
        ].join('\n'),
      };
    } finally {
      context.progress.stop();
      await pool.close();
    }
  },
};

function rateFlag(flags: FlagValues): number {
  const rate = numberFlag(flags, 'minRate') ?? defaults.minRate;
  if (rate > 0 && rate <= 1) return rate;
  throw new ConfigError('this is no share of draws', {
    where: '--min-rate',
    expected: 'above 0 and at most 1',
    got: String(rate),
  });
}
