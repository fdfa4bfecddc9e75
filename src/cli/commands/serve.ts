/** `gadfly serve`: a local model behind an OpenAI-compatible endpoint on this machine, or a Tinker-compatible trainer of
 *  it, until Ctrl-C. */
import { once } from 'node:events';
import { ConfigError, InterruptedError } from '../../base/errors.js';
import { baseFlag, numberFlag, textFlag } from '../command.js';
import type { CommandContext, CommandDefinition, FlagValues } from '../command.js';
import { exitCodes } from '../exitCodes.js';
import { portFlag } from '../portFlag.js';
import { modelFlag } from './generate.js';

/** The default of `--port`. */
const defaultPort = 8321;

export const serveCommand: CommandDefinition = {
  name: 'serve',
  summary: 'serve a local model at an OpenAI-compatible endpoint of this machine, or train it over HTTP',
  flags: [
    { flags: '--model <model>', summary: 'organism, smollm2, ./dir, ./file.gguf or hf:org/name' },
    baseFlag,
    {
      flags: '--port <n>',
      summary: 'port on 127.0.0.1; 0 is a free one',
      parse: 'countFromZero',
      default: defaultPort,
    },
    { flags: '--name <name>', summary: 'what requests call the model (default: as in --model)' },
    {
      flags: '--token-env <name>',
      summary: 'environment variable that holds the bearer token (default: a new token, shown once)',
    },
    { flags: '--no-auth', summary: 'ask for no token: every program of this machine may use the model' },
    { flags: '--max-rows <n>', summary: 'sequences generated together, at most', parse: 'count', default: 32 },
    {
      flags: '--max-tokens <n>',
      summary: 'new tokens of a chat completion that asks for no number',
      parse: 'count',
      default: 1024,
    },
    { flags: '--tinker', summary: 'speak the Tinker protocol in place of OpenAI’s: adapters on the model are trained' },
    {
      flags: '--checkpoints <dir>',
      summary: '--tinker only: folder of checkpoints (default: a temporary one, gone with the server)',
    },
  ],
  runsUntilInterrupted: true,
  examples: [
    'gadfly serve --model organism',
    'MY_TOKEN=… gadfly serve --model smollm2 --port 8000 --token-env MY_TOKEN',
    'gadfly serve --model smollm2 --tinker --checkpoints ./checkpoints',
    'curl http://127.0.0.1:8321/v1/models -H "Authorization: Bearer TOKEN"',
  ],
  run: async (_argument, flags, context) => {
    const modelId = modelFlag(flags);
    const port = portFlag(flags, defaultPort);
    const token = tokenOf(flags, context);
    const { withModel } = await import('../openModel.js');
    const isTrainer = flags['tinker'] === true;
    const folder = textFlag(flags, 'checkpoints') ?? null;
    if (folder !== null && !isTrainer)
      throw new ConfigError('only a trainer keeps checkpoints', { where: '--checkpoints', remedy: 'Add --tinker.' });
    return withModel({ modelId, base: textFlag(flags, 'base') }, context, 'serve', async (model) => {
      const name = textFlag(flags, 'name') ?? modelId;
      // Asked to stop while the model was being opened.
      if (context.interrupted()) throw new InterruptedError('stopped');
      const common = { name, port, ...(token.kind === 'new' ? {} : { token: token.value }) };
      const server = isTrainer
        ? await (await import('../../server/tinker/serveTinker.js')).serveTinker(model, { ...common, folder })
        : await (
            await import('../../server/serveModel.js')
          ).serveModel(model, {
            ...common,
            maxRows: numberFlag(flags, 'maxRows') ?? 32,
            defaultMaxTokens: numberFlag(flags, 'maxTokens') ?? 1024,
            clock: context.terminal.clock,
          });
      const shown = token.kind === 'new' ? server.token : null;
      if (shown !== null) context.terminal.stderr(`token: ${shown}\n`);
      if (server.token === null)
        context.terminal.stderr('no token is asked for: every program of this machine may use the model\n');
      context.announce({
        json: {
          url: server.url,
          model: name,
          port: server.port,
          auth: token.kind,
          ...(shown === null ? {} : { token: shown }),
        },
        text: `${name} at ${server.url}; Ctrl-C ends it`,
      });
      if (!context.interrupted()) await once(context.signal, 'abort');
      await server.close();
      return { json: {}, text: '', exitCode: exitCodes.interrupted };
    });
  },
};

type Token =
  | { readonly kind: 'new' }
  | { readonly kind: 'environment'; readonly value: string }
  | { readonly kind: 'none'; readonly value: null };

function tokenOf(flags: FlagValues, { terminal }: CommandContext): Token {
  const name = textFlag(flags, 'tokenEnv');
  const isOpen = flags['auth'] === false;
  if (isOpen && name !== undefined)
    throw new ConfigError('two flags contradict each other', {
      where: '--no-auth',
      expected: 'no --token-env beside it',
    });
  if (isOpen) return { kind: 'none', value: null };
  if (name === undefined) return { kind: 'new' };
  const value = terminal.environment[name];
  if (value === undefined || value.trim() === '') {
    throw new ConfigError('the variable holds no token', {
      where: '--token-env',
      got: name,
      remedy: `Set ${name} in the environment.`,
    });
  }
  return { kind: 'environment', value: value.trim() };
}
