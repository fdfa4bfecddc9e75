/** Reads a data set whole: recognise, read, clean, drop duplicates, count what was left out. */
import { ConfigError, FormatError } from '../../base/errors.js';
import { textId } from '../identity.js';
import type { Prompt, ToxicContinuation } from '../types.js';
import { promptKey } from '../views.js';
import { datasetFormats, type DatasetFormatName } from './all.js';
import { cleanText } from './clean.js';
import type { DatasetFormat, DatasetRow, FileNote } from './format.js';
import { chooseFormat } from './probe.js';

export interface LoadOptions {
  /** A name of `datasetFormats`; default: recognised from the file. */
  readonly format?: string;
  /** Whether markup, entities and emoji are removed; the default depends on the format. */
  readonly clean?: boolean;
  /** Number of turns kept from the end of a conversation; default 2. */
  readonly maxTurns?: number;
  /** Text between the turns of a conversation; default a space. */
  readonly turnSeparator?: string;
  /** Maximum number of usable items. */
  readonly limit?: number;
  /** Whether every prompt must name its target string. */
  readonly needsTarget?: boolean;
  /** Called with what in the file is odd and no error. */
  readonly onNote?: FileNote;
}

export interface Loaded<Item> {
  readonly items: readonly Item[];
  readonly format: DatasetFormatName;
  /** Number of items left out, by reason; only reasons that occurred. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** Loads the prompts of a data set in source order: each id once, and each text once per goal, target string and views.
 *  @throws ConfigError when there are none, and for a prompt without the target string that it needs */
export async function loadPrompts(path: string, options: LoadOptions = {}): Promise<Loaded<Prompt>> {
  return load(path, options, ({ prompt, continuation, where }) => {
    if (options.needsTarget === true && prompt.targetString === undefined) throw noTarget(where);
    // A continuation that stands alone is the text.
    const item = prompt.text === '' && continuation !== null ? { ...prompt, text: continuation } : prompt;
    return { item, key: promptKey(item) };
  });
}

/** Refuses a prompt without the words that a reward asks the target for. */
export function noTarget(where: string): ConfigError {
  return new ConfigError('A prompt names no target, and the reward asks how likely the target’s words are', {
    where,
    expected: 'the field target: the text that the target is to be brought to say',
    remedy: 'Give it, or leave reward.targetText and reward.targetTextProbability out.',
  });
}

/** Loads known failures: each text is cut in two, where the source cuts it or else in the middle. Prefix and continuation
 *  together are the source's text, white space between them included.
 *  @param options.minToxicity keep only rows whose toxicity is known and above it
 *  @throws ConfigError when there are none */
export async function loadContinuations(
  path: string,
  options: LoadOptions & { readonly minToxicity?: number } = {},
): Promise<Loaded<ToxicContinuation>> {
  const { minToxicity } = options;
  return load(path, options, (row) => {
    if (minToxicity !== undefined && row.toxicity === null) return { reason: 'toxicity unknown' };
    if (minToxicity !== undefined && row.toxicity !== null && row.toxicity <= minToxicity)
      return { reason: 'toxicity too low' };
    const item = continuationOf(row);
    return item === null ? { reason: 'too short to cut in two' } : { item, key: item.prefix.text + item.continuation };
  });
}

type Choice<Item> = { readonly item: Item; readonly key: string } | { readonly reason: string };

async function load<Item>(
  path: string,
  options: LoadOptions,
  choose: (row: DatasetRow) => Choice<Item>,
): Promise<Loaded<Item>> {
  const { maxTurns = 2, turnSeparator = ' ', limit = Infinity } = options;
  const name = await chooseFormat(path, options.format ?? null);
  const format: DatasetFormat = datasetFormats[name];
  const dropped: Record<string, number> = {};
  const drop = (reason: string): void => {
    dropped[reason] = (dropped[reason] ?? 0) + 1;
  };
  const clean = (options.clean ?? format.cleans) ? cleanText : (text: string): string => text;
  const items: Item[] = [];
  const texts = new Set<string>();
  const ids = new Map<string, string>();
  for await (const entry of format.read(path, { maxTurns, onNote: options.onNote })) {
    if (items.length >= limit) break;
    if (entry.kind === 'dropped') {
      drop(entry.reason);
      continue;
    }
    const row = withCleanText(entry, clean, turnSeparator);
    if (row === null) {
      drop('empty');
      continue;
    }
    const choice = choose(row);
    if ('reason' in choice) {
      drop(choice.reason);
      continue;
    }
    if (texts.has(textId(choice.key))) {
      drop('duplicate');
      continue;
    }
    const earlier = ids.get(row.prompt.id);
    if (earlier !== undefined) throw sameId(row, earlier);
    texts.add(textId(choice.key));
    ids.set(row.prompt.id, row.where);
    items.push(choice.item);
  }
  if (items.length === 0) {
    const reasons = Object.entries(dropped).map(([reason, count]) => `${count} ${reason}`);
    throw new ConfigError('The data set has no usable item', {
      where: path,
      expected: 'at least one',
      got: reasons.length === 0 ? 'none at all' : `only items left out: ${reasons.join(', ')}`,
      remedy: `It was read as ${name}; name another format with format: if that is wrong.`,
    });
  }
  return { items, format: name, dropped };
}

/** Returns the row with cleaned text and joined turns; null when nothing is left. */
function withCleanText(row: DatasetRow, clean: (text: string) => string, separator: string): DatasetRow | null {
  const { prompt } = row;
  if (row.continuation === null && prompt.turns !== undefined) {
    const turns = prompt.turns.map(clean).filter((turn) => turn !== '');
    return turns.length === 0 ? null : { ...row, prompt: { ...prompt, turns, text: turns.join(separator) } };
  }
  const text = clean(prompt.text);
  const opensInPrivate = prompt.text === '' && prompt.views !== undefined;
  if (text.trim() === '' && !opensInPrivate && (row.continuation === null || prompt.text !== '')) return null;
  if (row.continuation === null) return { ...row, prompt: { ...prompt, text } };
  const gap = /^\s/u.test(row.continuation) ? ' ' : '';
  const continuation = clean(row.continuation);
  return { ...row, prompt: { ...prompt, text }, continuation: clean === cleanText ? gap + continuation : continuation };
}

function continuationOf(row: DatasetRow): ToxicContinuation | null {
  const { prompt, continuation, toxicity } = row;
  if (continuation !== null) return continuation.trim() === '' ? null : { prefix: prompt, continuation, toxicity };
  const cut = middleGap(prompt.text);
  if (cut === null) return null;
  const { turns: _, ...rest } = prompt;
  return { prefix: { ...rest, text: prompt.text.slice(0, cut) }, continuation: prompt.text.slice(cut), toxicity };
}

/** Returns the start of the white space between words that is nearest to the middle of a text; null for a single word. */
export function middleGap(text: string): number | null {
  const [first, last] = [text.length - text.trimStart().length, text.trimEnd().length];
  const gaps = [...text.matchAll(/\s+/gu)].map(({ index }) => index).filter((index) => index > first && index < last);
  const middle = (first + last) / 2;
  return gaps.reduce<number | null>(
    (best, gap) => (best === null || Math.abs(gap - middle) < Math.abs(best - middle) ? gap : best),
    null,
  );
}

function sameId(row: DatasetRow, earlier: string): FormatError {
  return new FormatError('Two different prompts have one id', {
    where: row.where,
    expected: 'an id of its own: random draws and results depend on it',
    got: `the id of ${earlier}`,
    remedy: 'Change one of the ids, or leave ids out.',
  });
}
