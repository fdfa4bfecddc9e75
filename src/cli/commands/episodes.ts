/** `gadfly episodes`: the conversations of a run's evaluation as episodes that the package `sotopia` opens. */
import { ConfigError } from '../../base/errors.js';
import type { EpisodeLog } from '../../measures/episodeLog.js';
import { listFlag, textFlag } from '../command.js';
import type { CommandDefinition } from '../command.js';
import { exitCodes } from '../exitCodes.js';

export const episodesCommand: CommandDefinition = {
  name: 'episodes',
  summary: 'the conversations of an evaluation as EpisodeLogs, which the Python package sotopia opens',
  argument: { form: '<dir>', summary: 'a run directory' },
  flags: [
    { flags: '--out <file>', summary: 'FILE.jsonl, an episode a line; replaced when it exists' },
    { flags: '--rows <name>', summary: 'rows of the evaluation; repeatable (default: all)', parse: 'list' },
  ],
  examples: ['gadfly episodes runs/dat-sotopia-smollm2 --out episodes.jsonl'],
  run: async (argument = '', flags, context) => {
    const out = textFlag(flags, 'out');
    if (out?.endsWith('.jsonl') !== true) {
      throw new ConfigError(out === undefined ? 'no file is named' : 'this ending is not known', {
        where: '--out',
        expected: 'FILE.jsonl',
        ...(out === undefined ? {} : { got: out }),
      });
    }
    const { readEpisodes } = await import('../readEpisodes.js');
    const { episodes, leftOut } = await readEpisodes(argument, listFlag(flags, 'rows'));
    const document = { run: argument, episodes: episodes.length, leftOut };
    if (episodes.length === 0) {
      context.log('gadfly: there is no conversation of Sotopia that a judge has rated');
      return { json: { ...document, out: null }, text: '0 episodes', exitCode: exitCodes.error };
    }
    const { writeFileAtomic } = await import('../../base/files.js');
    writeFileAtomic(out, episodes.map(lineOf).join(''));
    const missing = leftOut === 0 ? '' : `, ${String(leftOut)} dialogues left out: not rated, or not of Sotopia`;
    return { json: { ...document, out }, text: `${out}: ${String(episodes.length)} episodes${missing}` };
  },
};

function lineOf(episode: EpisodeLog): string {
  return `${JSON.stringify(episode)}\n`;
}
