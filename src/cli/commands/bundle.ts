/** `gadfly bundle`: the evidence of a run in one file, with a hash of everything, signed where a key is given. */
import { ConfigError } from '../../base/errors.js';
import { textFlag } from '../command.js';
import type { CommandDefinition } from '../command.js';

export const bundleCommand: CommandDefinition = {
  name: 'bundle',
  summary: 'put the evidence of a run into one file: recipe, manifest, records, report, and the hash of every file',
  argument: { form: '<run>', summary: 'a run directory that is done' },
  flags: [
    { flags: '--out <file>', summary: 'the bundle, a gzipped tar; replaced when it exists' },
    { flags: '--sign <key>', summary: 'sign it with this private key: Ed25519, PEM' },
    {
      flags: '--with-models',
      summary: 'put models and judges that the run has trained into it, not their hashes alone',
    },
  ],
  examples: [
    'gadfly bundle runs/demo --out evidence.tar.gz',
    'gadfly bundle runs/demo --out evidence.tar.gz --sign key.pem --with-models',
  ],
  run: async (argument = '', flags) => {
    const out = textFlag(flags, 'out');
    if (out === undefined || out === '')
      throw new ConfigError('no file is named', { where: '--out', expected: 'a path, such as evidence.tar.gz' });
    const keyFile = textFlag(flags, 'sign') ?? null;
    const { bundleRun } = await import('../../signoff/evidence/bundleRun.js');
    const { digest, files, hashedOnly, signedBy } = bundleRun(argument, {
      out,
      keyFile,
      keepModels: flags['withModels'] === true,
    });
    return {
      json: { file: out, digest, files, hashedOnly, signedBy },
      text: [
        out,
        `digest ${digest}`,
        `${String(files)} files${hashedOnly === 0 ? '' : `, and the hashes of ${String(hashedOnly)} more`}`,
        signedBy === null ? 'not signed' : `signed by the key ${signedBy}`,
      ].join('\n'),
    };
  },
};
