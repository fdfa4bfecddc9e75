/** The floors of the house (docs/ARCHITECTURE.md): a file imports from strictly lower floors or from its own folder,
 *  never from a sibling folder on its own floor, never upward; no file cycles. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const source = join(root, 'src');

const floorOf: Readonly<Record<string, number>> = {
  base: 0,
  engine: 1,
  dialogue: 1,
  stats: 1,
  remote: 1,
  runs: 1,
  learning: 2,
  speakers: 2,
  report: 2,
  attacks: 3,
  mending: 3,
  measures: 3,
  recipe: 4,
  models: 5,
  planning: 5,
  render: 5,
  stages: 6,
  server: 7,
  cli: 8,
};

/** Rooms of the engine, lowest first: a room imports from rooms before it and from itself. */
const engineRooms = ['tensor', 'runtime', 'optim', 'nn', 'text', 'models'];
const textImportsNoneOf = new Set(['tensor', 'runtime', 'optim', 'nn']);

interface SourceFile {
  readonly path: string;
  readonly imports: readonly string[];
}

function listFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return listFiles(path);
    return /\.tsx?$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) && !entry.name.endsWith('.d.ts')
      ? [path]
      : [];
  });
}

function readImports(path: string): SourceFile {
  const text = readFileSync(path, 'utf8').replace(/^\s*(\/\/|\*).*$/gm, '');
  const specifiers = [...text.matchAll(/(?:from\s+|import\s*\(\s*|import\s+)'(\.{1,2}\/[^']+)'/g)].map(
    (match) => match[1] ?? '',
  );
  return { path, imports: specifiers.map((specifier) => resolve(dirname(path), specifier.replace(/\.js$/, '.ts'))) };
}

const files = listFiles(source).map(readImports);
const place = (path: string): string[] => relative(source, path).split('/');

describe('the floors of the house', () => {
  it('every folder of src has a floor', () => {
    const unknown = files
      .map(({ path }) => place(path))
      .filter((parts) => parts.length > 1 && floorOf[parts[0] ?? ''] === undefined);
    expect(unknown.map((parts) => parts.join('/'))).toEqual([]);
  });

  it('no file imports upward or from a sibling folder on its own floor', () => {
    const broken: string[] = [];
    for (const { path, imports } of files) {
      const from = place(path)[0] ?? '';
      if (place(path).length === 1) continue; // index.ts, the public barrel, sees everything
      for (const target of imports) {
        const to = place(target)[0] ?? '';
        if (to === '..') continue; // package.json and the like
        if (from !== to && !((floorOf[to] ?? 99) < (floorOf[from] ?? -1)))
          broken.push(`${relative(source, path)} imports ${relative(source, target)}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it('the rooms of the engine import leftward only', () => {
    const broken: string[] = [];
    for (const { path, imports } of files) {
      const [floor, room = ''] = place(path);
      if (floor !== 'engine') continue;
      for (const target of imports) {
        const [toFloor, toRoom = ''] = place(target);
        if (toFloor !== 'engine' || toRoom === room || !engineRooms.includes(room)) continue;
        const leftward = engineRooms.indexOf(toRoom) < engineRooms.indexOf(room);
        if (!leftward || (room === 'text' && textImportsNoneOf.has(toRoom)))
          broken.push(`${relative(source, path)} imports ${relative(source, target)}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it('no files import each other in a circle', () => {
    const byPath = new Map(files.map((file) => [file.path.replace(/\.tsx$/, '.ts'), file]));
    const state = new Map<string, 'open' | 'closed'>();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (state.get(path) === 'closed') return;
      if (state.get(path) === 'open') {
        circles.push([...trail.slice(trail.indexOf(path)), path].map((step) => relative(source, step)).join(' → '));
        return;
      }
      state.set(path, 'open');
      for (const target of byPath.get(path)?.imports ?? []) if (byPath.has(target)) visit(target, [...trail, path]);
      state.set(path, 'closed');
    };
    for (const path of byPath.keys()) visit(path, []);
    expect(circles).toEqual([]);
  });
});
