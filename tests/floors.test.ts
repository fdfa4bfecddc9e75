/** The floors of the house (docs/ARCHITECTURE.md): a file of src imports from strictly lower floors or from its own
 *  folder, never from a sibling folder on its own floor, never upward. Beside src stand other roots, which may import
 *  from src and not the other way. No file cycles anywhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
  queue: 1,
  learning: 2,
  speakers: 2,
  labelling: 2,
  report: 2,
  attacks: 3,
  mending: 3,
  measures: 3,
  discovery: 3,
  planting: 3,
  recipe: 4,
  models: 5,
  planning: 5,
  render: 5,
  stages: 6,
  server: 7,
  signoff: 7,
  cli: 8,
};

/** Rooms of the engine, lowest first: a room imports from rooms before it and from itself. */
const engineRooms = ['tensor', 'runtime', 'optim', 'nn', 'text', 'models'];
const textImportsNoneOf = new Set(['tensor', 'runtime', 'optim', 'nn']);

/** The folders of code, each with the folders that its files may import from. Tests may import from everywhere. */
const importableFrom: Readonly<Record<string, readonly string[]>> = {
  src: ['src'],
  web: ['web', 'src'],
  organism: ['organism', 'src'],
  tests: ['tests', 'organism', 'src'],
  bench: ['bench', 'src'],
  examples: ['examples', 'src'],
  scripts: ['scripts'],
  bin: ['bin', 'scripts', 'dist'],
};
const notCode = new Set(['assets', 'docs', 'recipes', 'dist', 'node_modules', 'runs', 'coverage']);

interface SourceFile {
  readonly path: string;
  readonly isTest: boolean;
  readonly imports: readonly string[];
}

function listFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return listFiles(path);
    return /\.(tsx?|mjs)$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : [];
  });
}

/** The relative paths that a text imports, exports from, or imports on demand. */
function importsIn(text: string): string[] {
  const code = text.replace(/^\s*(\/\/|\*).*$/gm, '');
  return [...code.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)'(\.{1,2}\/[^']+)'/g)].map(
    (match) => match[1] ?? '',
  );
}

function resolveImport(path: string, specifier: string): string {
  const target = resolve(dirname(path), specifier);
  const sources = [target.replace(/\.js$/, '.ts'), target.replace(/\.js$/, '.tsx')];
  return sources.find((each) => existsSync(each)) ?? target;
}

function readFile(path: string): SourceFile {
  const imports = importsIn(readFileSync(path, 'utf8')).map((specifier) => resolveImport(path, specifier));
  return { path, isTest: /\.test\.tsx?$/.test(path), imports };
}

const everything = Object.keys(importableFrom).flatMap((folder) => listFiles(join(root, folder)).map(readFile));
const files = everything.filter(({ path, isTest }) => !isTest && path.startsWith(`${source}/`));
const place = (path: string): string[] => relative(source, path).split('/');

/** The circles of a graph, each as its nodes in order. */
function findCircles(targets: ReadonlyMap<string, readonly string[]>): string[][] {
  const state = new Map<string, 'open' | 'closed'>();
  const circles: string[][] = [];
  const visit = (node: string, trail: readonly string[]): void => {
    if (state.get(node) === 'closed') return;
    if (state.get(node) === 'open') {
      circles.push([...trail.slice(trail.indexOf(node)), node]);
      return;
    }
    state.set(node, 'open');
    for (const target of targets.get(node) ?? []) if (targets.has(target)) visit(target, [...trail, node]);
    state.set(node, 'closed');
  };
  for (const node of targets.keys()) visit(node, []);
  return circles;
}

describe('the roots of the house', () => {
  it('every folder that holds code is one of them', () => {
    const folders = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !notCode.has(entry.name))
      .map(({ name }) => name);
    expect(folders.sort()).toEqual(Object.keys(importableFrom).sort());
  });

  it.each(Object.entries(importableFrom))('%s has files, which import from %j alone', (folder, allowed) => {
    const own = everything.filter(({ path, isTest }) => !isTest && path.startsWith(`${join(root, folder)}/`));
    expect(own).not.toEqual([]);
    const broken = own.flatMap(({ path, imports }) =>
      imports
        .map((target) => relative(root, target))
        .filter((target) => target !== 'package.json' && !['assets', ...allowed].includes(target.split('/')[0] ?? ''))
        .map((target) => `${relative(root, path)} imports ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('pages take nothing from src but the types of protocols', () => {
    const broken = everything
      .filter(({ path }) => path.startsWith(`${join(root, 'web')}/`))
      .flatMap(({ path, imports }) =>
        imports
          .map((target) => relative(root, target))
          .filter((target) => target.startsWith('src/') && !/^src\/server\/\w+\/protocol\.ts$/.test(target))
          .map((target) => `${relative(root, path)} imports ${target}`),
      );
    expect(broken).toEqual([]);
  });

  it('no file imports a test', () => {
    const broken = everything.filter(({ imports }) => imports.some((target) => /\.test\.tsx?$/.test(target)));
    expect(broken.map(({ path }) => relative(root, path))).toEqual([]);
  });

  it('every import leads to a file', () => {
    const broken = everything
      .filter(({ isTest }) => !isTest)
      .flatMap(({ path, imports }) =>
        imports
          .filter((target) => !existsSync(target) && !relative(root, target).startsWith('dist/'))
          .map((target) => `${relative(root, path)} imports ${relative(root, target)}`),
      );
    expect(broken).toEqual([]);
  });

  it('no files import each other in a circle', () => {
    const circles = findCircles(new Map(everything.map(({ path, imports }) => [path, imports])));
    expect(circles.map((circle) => circle.map((path) => relative(root, path)).join(' → '))).toEqual([]);
  });

  it('finds the circle in a graph that has one, and what a file imports in every way of writing it', () => {
    const graph = new Map([
      ['a', ['b', 'd']],
      ['b', ['c']],
      ['c', ['b']],
      ['d', []],
    ]);
    expect(findCircles(graph)).toEqual([['b', 'c', 'b']]);
    const text = [
      "import './a.js';",
      "import type { B } from '../b.js';",
      "export * from './c.js';",
      "await import('./d.js')",
      "// from './e.js'",
    ];
    expect(importsIn(text.join('\n'))).toEqual(['./a.js', '../b.js', './c.js', './d.js']);
  });
});

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
        if (to === '..') continue; // package.json: the roots' tests see to the rest
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
});
