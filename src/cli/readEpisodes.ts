/** Reads the conversations of a run's evaluation as episodes of Sotopia. */
import { ConfigError } from '../base/errors.js';
import { type EpisodeLog, episodeOf } from '../measures/episodeLog.js';
import { readEvaluatedDialogues } from '../report/evaluation.js';
import { readManifest } from '../runs/manifest.js';

export interface Episodes {
  readonly episodes: readonly EpisodeLog[];
  /** Number of dialogues of the rows that are none. */
  readonly leftOut: number;
}

/** @param rows names of rows; none: all
 *  @throws ConfigError for a run without an evaluation, and for a row that it does not have */
export async function readEpisodes(folder: string, rows: readonly string[]): Promise<Episodes> {
  const { name, configuration } = readManifest(folder);
  const modelOf = (speaker: 'adversary' | 'target'): string => {
    const options = configuration[speaker];
    const model = typeof options === 'object' && options !== null && 'model' in options ? options.model : null;
    return typeof model === 'string' ? model : speaker;
  };
  const [adversary, target] = [modelOf('adversary'), modelOf('target')];
  const found = (await readEvaluatedDialogues(folder)).map((dialogue) => {
    const { row } = dialogue;
    const speaker = row === 'untuned' ? adversary : `${adversary} (${row})`;
    return { row, episode: episodeOf(dialogue, { run: name, row, adversary: speaker, target }) };
  });
  if (found.length === 0)
    throw new ConfigError('this run has no evaluation', {
      where: folder,
      remedy: 'Run the stage evaluate of its recipe first.',
    });
  const known = [...new Set(found.map(({ row }) => row))];
  const unknown = rows.find((row) => !known.includes(row));
  if (unknown !== undefined)
    throw new ConfigError('the evaluation of this run has no such row', {
      where: '--rows',
      expected: known.join(', '),
      got: unknown,
    });
  const wanted = rows.length === 0 ? found : found.filter(({ row }) => rows.includes(row));
  const episodes = wanted.flatMap(({ episode }) => (episode === null ? [] : [episode]));
  return { episodes, leftOut: wanted.length - episodes.length };
}
