/** Runs a sweep for the command line: which point is at work, the table at the end, and how to go on after a stop. */
import { join, resolve } from 'node:path';
import { InterruptedError } from '../base/errors.js';
import type { JsonValue } from '../base/json.js';
import { sweepText } from '../render/terminal/sweepText.js';
import type { SweepFile, SweepPointState } from '../report/sweepFile.js';
import { pointNotes, type SweepView } from '../report/sweepView.js';
import { runSweep } from '../stages/runSweep.js';
import { workersText } from '../stages/sharing/sharing.js';
import type { SweepStart } from '../stages/sweepRecipes.js';
import type { CommandContext, CommandResult } from './command.js';
import { runHooks, runSettings, shownPath, withRemedy } from './executeRun.js';
import { exitCodes } from './exitCodes.js';
import type { SharingSettings } from './sharing.js';

/** @throws ConfigError before anything runs, InterruptedError with how to go on */
export async function executeSweep(
  start: SweepStart,
  context: CommandContext,
  sharing: SharingSettings = {},
): Promise<CommandResult> {
  const { log } = context;
  const shown = shownPath(resolve(start.folder));
  let total = 0;
  const say = ({ number, name }: SweepPointState, more = ''): void => {
    log(`point ${number} of ${total}, ${name}${more}`);
  };
  try {
    const view = await runSweep(start, {
      ...runSettings(context),
      ...sharing,
      onStart: ({ points }) => {
        total = points;
        log(`sweep of ${total} points in ${shown}; limits hold for each point`);
      },
      onPassedOver: (point) => {
        say(point, ': done before');
      },
      onPoint: (point, loaded) => {
        say(point);
        return runHooks(loaded, context, `${point.number}/${total} `);
      },
      onShared: ({ done, total: all, workers }) => {
        context.progress.update({
          task: 'points',
          done,
          total: all,
          unit: 'points',
          note: workersText(workers),
        });
      },
      onOutcome: (point, { status, reason }) => {
        say(point, `: ${status}${reason === undefined ? '' : ` (${reason})`}`);
      },
      onPointFailed: (point, error) => {
        const told = withRemedy(error, join(shown, point.folder));
        say(point, `: ${told instanceof Error ? told.message : String(told)}`);
      },
    });
    return resultOf(view, shown);
  } catch (error) {
    throw error instanceof InterruptedError ? withRemedy(error, shown) : error;
  }
}

function resultOf(view: SweepView, shown: string): CommandResult {
  const { file, folder } = view;
  const { points, tables } = file;
  const has = (wanted: SweepPointState['status']): boolean => points.some(({ status }) => status === wanted);
  const blind = points.some(({ status, reason }) => status === 'done' && reason !== undefined);
  const over = points.some(({ thresholdExceeded = [] }) => thresholdExceeded.length > 0);
  const notes = pointNotes(points);
  return {
    json: {
      sweep: folder,
      name: file.name,
      status: file.status,
      points: points.map(({ folder: own, ...point }) => ({
        ...point,
        thresholdExceeded: point.thresholdExceeded ?? [],
        folder: join(folder, own),
        rows: pointRows(tables, point.number),
      })),
      files: { sweep: join(folder, 'sweep.json'), html: join(folder, 'sweep.html') },
    },
    text: [
      sweepText(view),
      '',
      ...notes,
      ...(has('stopped')
        ? [`Go on with \`gadfly run --resume ${shown} --set limits.…=MORE\`; limits hold for each point.`]
        : []),
      ...(has('failed') ? [`Try the failed points again with \`gadfly run --resume ${shown}\`.`] : []),
      `${points.filter(({ status }) => status === 'done').length} of ${points.length} points done; table and picture: ${join(shown, 'sweep.html')}`,
    ].join('\n'),
    exitCode:
      has('failed') || blind
        ? exitCodes.error
        : has('stopped')
          ? exitCodes.budgetReached
          : over
            ? exitCodes.thresholdExceeded
            : exitCodes.ok,
  };
}

/** A point's rows, each with the table that it stands in. */
function pointRows(tables: SweepFile['tables'], number: number): JsonValue {
  const rows = tables.flatMap(({ id, rows: all }) => {
    const own = all.filter(({ point }) => point === number);
    return own.map(({ name, metrics, change }) => ({ table: id, name, metrics, change }));
  });
  return rows;
}
