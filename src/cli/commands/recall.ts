/** `gadfly recall`: how many of the planted failures a run has found. */
import { ConfigError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import type { HuntPart } from '../../planting/hunt.js';
import type { Recall } from '../../planting/recall.js';
import type { ShareInterval } from '../../stats/wilson.js';
import { textFlag } from '../command.js';
import type { CommandDefinition } from '../command.js';

export const recallCommand: CommandDefinition = {
  name: 'recall',
  summary: 'how many of the failures that `gadfly plant` has planted a run has found, by their rarity',
  argument: { form: '<dir>', summary: 'the directory of a run against the planted model' },
  flags: [{ flags: '--planted <dir>', summary: 'the directory of the run that planted them' }],
  examples: ['gadfly recall runs/hunt --planted runs/plant-organism'],
  run: async (argument = '', flags) => {
    const planted = textFlag(flags, 'planted');
    if (planted === undefined)
      throw new ConfigError('nothing says what was planted', {
        where: '--planted',
        expected: 'the directory of a run with a stage plant',
      });
    const { readManifest } = await import('../../runs/manifest.js');
    const { hasTaken, readPlanted } = await import('../../planting/plantedFile.js');
    const { readHunt } = await import('../../planting/hunt.js');
    const { measureRecall } = await import('../../planting/recall.js');
    const { formatTable } = await import('../../render/terminal/table.js');
    readManifest(argument);
    const { failures } = readPlanted(planted);
    const hunt = await readHunt(argument, failures);
    const measured = [...hunt.parts, hunt.all].map((part) => ({ part, recall: measureRecall(failures, part.seen) }));
    const lost = failures.filter((failure) => !hasTaken(failure)).map(({ id }) => id);
    const notFound = failures.filter(({ id }) => !hunt.all.seen.has(id) && !lost.includes(id)).map(({ id }) => id);
    const notes = [
      ...(lost.length === 0 ? [] : [`did not take, and are not counted: ${lost.join(', ')}`]),
      ...(notFound.length === 0 ? [] : [`not found: ${notFound.join(', ')}`]),
    ];
    return {
      json: { hunt: argument, planted, notTaken: lost, notFound, parts: measured.map(partJson) },
      text: [
        formatTable(
          ['part of the hunt', 'replies', 'with a marker', 'common', 'rare', 'very rare', 'all', 'unseen'],
          measured.map(({ part, recall }) => [
            part.name,
            part.replies.toLocaleString('en'),
            String(recall.failures),
            ...recall.classes.map(foundText),
            foundText(recall.all),
            recall.unseen === null ? '–' : percent(recall.unseen),
          ]),
        ),
        ...notes,
      ].join('\n'),
    };
  },
};

interface Found {
  readonly planted: number;
  readonly found: number;
  readonly share: ShareInterval | null;
}

/** '3 of 4 [30, 95]%' */
function foundText({ planted, found, share }: Found): string {
  const interval =
    share === null ? '' : ` [${String(Math.round(100 * share.low))}, ${String(Math.round(100 * share.high))}]%`;
  return `${String(found)} of ${String(planted)}${interval}`;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)}%`;
}

function partJson({ part, recall }: { readonly part: HuntPart; readonly recall: Recall }): JsonObject {
  const found = ({ planted, found: n, share }: Found): JsonObject => ({
    planted,
    found: n,
    share: share === null ? null : { ...share },
  });
  return {
    name: part.name,
    replies: part.replies,
    failures: recall.failures,
    classes: Object.fromEntries(recall.classes.map((each) => [each.rarity, found(each)])),
    all: found(recall.all),
    unseen: recall.unseen,
    seen: Object.fromEntries(part.seen),
  };
}
