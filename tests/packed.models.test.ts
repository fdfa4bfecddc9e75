/** The package as its users get it: packed, installed in an empty project from the registry, used from ESM and from
 *  CommonJS, its types resolved as Node and as bundlers do. Needs the npm registry or a warm npm cache. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const place = mkdtempSync(join(tmpdir(), 'gadfly-packed-'));
const [source, project] = [join(place, 'package'), join(place, 'project')];
const tsc = join(root, 'node_modules/typescript/bin/tsc');
afterAll(() => {
  rmSync(place, { recursive: true });
});

function run(command: string, args: readonly string[], cwd = project): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

const compilerOptions = (module: string, moduleResolution: string): object => ({
  compilerOptions: {
    target: 'ES2023',
    module,
    moduleResolution,
    strict: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
    outDir: 'out',
  },
});

beforeAll(() => {
  // What the package lists, built anew, so that the folder of the tests stays as it is.
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: readonly string[] };
  mkdirSync(source);
  mkdirSync(project);
  for (const name of ['package.json', ...files.filter((name) => name !== 'dist')])
    cpSync(join(root, name), join(source, name), { recursive: true });
  run(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', join(source, 'dist')], root);
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', place], source);
  const tarball = readdirSync(place).find((name) => name.endsWith('.tgz'));
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }));
  // As the README says: without the optional CUDA download.
  run('npm', [
    'install',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    join(place, tarball ?? ''),
  ]);
});

describe('the packed package in an empty project', () => {
  it('runs from CommonJS by dynamic import', () => {
    writeFileSync(
      join(project, 'main.cjs'),
      "import('gadfly-lm').then(({ runAttack, openDevice }) => console.log(typeof runAttack, typeof openDevice));",
    );
    expect(run(process.execPath, ['main.cjs']).trim()).toBe('function function');
  });

  it('has its command, and the organism within', () => {
    const result = JSON.parse(
      run('npx', [
        '--no-install',
        'gadfly',
        '--json',
        'generate',
        '--model',
        'organism',
        '--prompt',
        'hello\n',
        '--max-new-tokens',
        '4',
      ]),
    ) as { results: unknown[] };
    expect(result.results).toHaveLength(1);
  });

  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('its types resolve with module %s and resolution %s, and refuse what is wrong', (module, moduleResolution) => {
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({ ...compilerOptions(module, moduleResolution), files: ['function-target.ts'] }),
    );
    cpSync(join(root, 'examples/function-target.ts'), join(project, 'function-target.ts'));
    run(process.execPath, [tsc, '-p', 'tsconfig.json']);
    const right = readFileSync(join(project, 'function-target.ts'), 'utf8');
    const wrong = right.replace('epochs: 8', "epochs: '8'");
    expect(wrong).not.toBe(right);
    writeFileSync(join(project, 'function-target.ts'), wrong);
    expect(() => run(process.execPath, [tsc, '-p', 'tsconfig.json', '--noEmit'])).toThrow();
  });

  it('runs the attack of twenty lines on a function', () => {
    const printed = run(process.execPath, ['out/function-target.js', 'attacked']);
    expect(printed).toMatch(/untuned \d\.\d\d\nipo \d\.\d\d\ngadfly report .*attacked\n$/);
    expect(readdirSync(join(project, 'attacked'))).toEqual(
      expect.arrayContaining(['manifest.json', 'report.json', 'models']),
    );
    const page = run('npx', ['--no-install', 'gadfly', 'report', 'attacked', '--format', 'md']);
    expect(page).toContain('turned-away');
  });
});
