/** `gadfly verify`: whether evidence agrees with itself, and, by a key or a digest, whose it is. */
import { ConfigError } from '../../base/errors.js';
import type { JsonValue } from '../../base/json.js';
import type { OpenEvidence, Replayed, Verification, VerifyOptions } from '../../signoff/evidence/verify.js';
import { numberFlag, textFlag } from '../command.js';
import type { CommandContext, CommandDefinition } from '../command.js';
import { exitCodes } from '../exitCodes.js';

export const verifyCommand: CommandDefinition = {
  name: 'verify',
  summary: 'check evidence: every hash, every figure of the report from the records, and dialogues played again',
  argument: { form: '<file>', summary: 'a bundle, or a run directory' },
  flags: [
    { flags: '--replay <k>', summary: 'play k dialogues again and compare, where the models are here', parse: 'count' },
    {
      flags: '--seed <n>',
      summary: 'decides which dialogues are played again: choose one that the sender cannot know (default: 0)',
      parse: 'integer',
    },
    { flags: '--key <file>', summary: 'public key that must have signed the bundle: Ed25519, PEM' },
    { flags: '--digest <sha256>', summary: 'digest that `gadfly bundle` printed' },
  ],
  examples: [
    'gadfly verify evidence.tar.gz --key pub.pem',
    'gadfly verify evidence.tar.gz --digest 3f1c… --replay 20 --seed 7',
    'gadfly verify runs/demo',
  ],
  run: async (argument = '', flags, context) => {
    const { verifyEvidence } = await import('../../signoff/evidence/verify.js');
    const { readPublicKey } = await import('../../signoff/evidence/signature.js');
    const keyFile = textFlag(flags, 'key');
    const count = numberFlag(flags, 'replay');
    const replay = count === undefined ? null : replayWith({ count, seed: numberFlag(flags, 'seed') ?? 0 }, context);
    const found = await verifyEvidence(argument, {
      key: keyFile === undefined ? null : readPublicKey(keyFile),
      digest: digestFlag(textFlag(flags, 'digest')),
      replay,
    });
    return {
      json: documentOf(found),
      text: textOf(found),
      exitCode: found.ok ? exitCodes.ok : exitCodes.error,
    };
  },
};

function digestFlag(text: string | undefined): string | null {
  if (text === undefined) return null;
  const digest = text.trim().toLowerCase();
  if (/^[0-9a-f]{64}$/u.test(digest)) return digest;
  throw new ConfigError('this is no digest', {
    where: '--digest',
    expected: '64 hexadecimal digits, as `gadfly bundle` prints them',
    got: text,
  });
}

function replayWith(
  { count, seed }: { readonly count: number; readonly seed: number },
  context: CommandContext,
): NonNullable<VerifyOptions['replay']> {
  return async (evidence: OpenEvidence, findings): Promise<Replayed> => {
    const { replayDialogues } = await import('../../signoff/evidence/replay.js');
    const { openPool } = await import('../poolSettings.js');
    const pool = openPool(evidence.loaded, context);
    try {
      return await replayDialogues(evidence, { pool, count, seed }, findings);
    } finally {
      context.progress.stop();
      await pool.close();
    }
  };
}

function documentOf({ ok, verdict, digest, checked, problems, unchecked, replay }: Verification): JsonValue {
  return {
    ok,
    checked,
    problems: problems.map((problem) => ({ ...problem })),
    verdict,
    digest,
    unchecked: unchecked.map((each) => ({ ...each })),
    replay:
      replay === null
        ? null
        : { dialogues: replay.dialogues, equal: replay.equal, others: replay.others.map((each) => ({ ...each })) },
  };
}

const mostShown = 20;

function textOf({ verdict, digest, checked, problems, unchecked, replay }: Verification): string {
  const more = problems.length - mostShown;
  return [
    `${verdict}: ${checked.toLocaleString('en')} checks, ${problems.length === 1 ? '1 problem' : `${problems.length.toLocaleString('en')} problems`}`,
    ...(digest === null ? [] : [`digest ${digest}`]),
    ...problems
      .slice(0, mostShown)
      .flatMap(({ place, expected, got }) => [
        `  ${place}`,
        `    expected: ${String(expected)}`,
        `    got:      ${String(got)}`,
      ]),
    ...(more > 0 ? [`  and ${more.toLocaleString('en')} more (--json has them)`] : []),
    ...(replay === null ? [] : replayLines(replay)),
    ...unchecked.map(({ place, why }) => `not checked: ${place}: ${why}`),
  ].join('\n');
}

function replayLines({ dialogues, equal, others }: Replayed): readonly string[] {
  const percent = (rate: number | null): string => (rate === null ? 'unknown' : `${(100 * rate).toFixed(1)}%`);
  return [
    `replayed ${String(dialogues)} dialogues: ${String(equal)} equal token by token`,
    ...others.map(
      ({ row, dialogues: n, recordedRate, replayedRate, p }) =>
        `  ${row}: in ${String(n)} that differ ${percent(recordedRate)} of replies failed as recorded, ${percent(replayedRate)} when replayed${p === null ? '' : ` (p ${p.toFixed(3)})`}`,
    ),
  ];
}
