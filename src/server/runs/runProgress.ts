/** How far a run has come, from its recipe, its finished units and the last line of its metrics. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { isJsonObject, type JsonObject } from '../../base/json.js';
import type { Manifest } from '../../runs/manifest.js';
import { parseUnit } from '../../runs/units.js';
import type { RunProgress } from './protocol.js';

const tailBytes = 1 << 16;

/** Returns the last complete record of a log; null for an empty one, and for one whose last line is longer than 64 kB. */
export function lastRecord(path: string): JsonObject | null {
  if (!existsSync(path)) return null;
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const start = Math.max(0, size - tailBytes);
    const block = Buffer.alloc(size - start);
    const text = block.toString('utf8', 0, readSync(fd, block, 0, block.length, start));
    const end = text.lastIndexOf('\n');
    if (end === -1) return null;
    const from = text.lastIndexOf('\n', end - 1) + 1;
    return from === 0 && start > 0 ? null : parseObject(text.slice(from, end));
  } finally {
    closeSync(fd);
  }
}

function parseObject(line: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(line);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Returns the progress of the attack in work; null for other stages. */
export function progressOf({ completed, configuration }: Manifest, last: JsonObject | null): RunProgress | null {
  const { stage, epoch, time } = last ?? {};
  if (last === null || typeof stage !== 'string' || typeof epoch !== 'number') return null;
  if (completed.some(({ unit }) => unit === stage)) return null;
  const epochs = plannedEpochs(configuration, stage);
  if (epochs === null) return null;
  const began = completed.at(-1)?.spent?.['seconds'] ?? 0;
  // A line of averages ends its epoch; the others lie somewhere within.
  const done = Object.keys(last).some((key) => key.startsWith('epoch/')) ? epoch : Math.max(0, epoch - 0.5);
  const spent = typeof time === 'number' ? time - began : 0;
  const secondsLeft = done > 0 && spent > 0 ? (spent / done) * Math.max(0, epochs - done) : null;
  return { stage, epoch, epochs, secondsLeft };
}

/** Returns the options of every exploit stage of a recipe. */
export function exploitsOf(configuration: JsonObject): readonly JsonObject[] {
  const { stages } = configuration;
  if (!Array.isArray(stages)) return [];
  return (stages as readonly unknown[]).flatMap((stage) => {
    const options = isJsonObject(stage) ? stage['exploit'] : null;
    return isJsonObject(options) ? [options] : [];
  });
}

function plannedEpochs(configuration: JsonObject, unit: string): number | null {
  const parsed = parseUnit(unit);
  if (parsed?.kind !== 'exploit') return null;
  const names = [parsed.stage, parsed.stage.replace(/-\d+$/, '')];
  const options = exploitsOf(configuration).find(({ name, attack }) => names.some((each) => each === (name ?? attack)));
  return typeof options?.['epochs'] === 'number' ? options['epochs'] : null;
}
