/** Nothing lives for its test only. What a file of src exports is used by the program: by another file, by the rest of
 *  its own file, or as part of the library (src/index.ts). What only its own file uses is exported for a test at most. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/** Exports without a user in the program, each with the reason why it stays. */
const kept: Readonly<Record<string, string>> = {
  'src/base/clock.ts: manualClock': 'the clock of tests, beside the one that it stands for',
  'src/engine/tensor/ops/all.ts: ops': 'the table of all operations: their contract is tested over it',
  'src/runs/recordLog.ts: readAllRecords': 'the whole of a log, which the program reads record by record',
};

interface ExportedName {
  readonly name: string;
  readonly isType: boolean;
  /** Whether the rest of its file mentions it. */
  readonly isUsedInFile: boolean;
}

interface Module {
  readonly exported: readonly ExportedName[];
  /** Names that it imports or exports again: 'FILE NAME', with * for everything. */
  readonly imported: readonly string[];
}

function listFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return listFiles(path);
    return /\.tsx?$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : [];
  });
}

function readModule(path: string, text: string): Module {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imported: string[] = [];
  const take = (specifier: ts.Node | undefined, names: readonly string[]): void => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return;
    const target = resolve(dirname(path), specifier.text);
    const sources = [target.replace(/\.js$/, '.ts'), target.replace(/\.js$/, '.tsx')];
    const from = sources.find((each) => existsSync(each)) ?? target;
    for (const name of names) imported.push(`${from} ${name}`);
  };
  const namesIn = (bindings: ts.NamedImports | ts.NamedExports): string[] =>
    bindings.elements.map((each) => (each.propertyName ?? each.name).text);
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const bindings = node.importClause?.namedBindings;
      if (bindings !== undefined) take(node.moduleSpecifier, ts.isNamedImports(bindings) ? namesIn(bindings) : ['*']);
    } else if (ts.isExportDeclaration(node)) {
      const clause = node.exportClause;
      take(node.moduleSpecifier, clause !== undefined && ts.isNamedExports(clause) ? namesIn(clause) : ['*']);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      take(node.arguments[0], ['*']);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      take(node.argument.literal, [node.qualifier?.getText() ?? '*']);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { exported: file.statements.flatMap(exportsOf), imported };
}

function exportsOf(statement: ts.Statement): ExportedName[] {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  if (!modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
  const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
  const names = ts.isVariableStatement(statement)
    ? statement.declarationList.declarations.map(({ name }) => name.getText())
    : isType || ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)
      ? [statement.name?.text ?? 'default']
      : [];
  const others = statement.getSourceFile().statements.filter((each) => each !== statement);
  return names.map((name) => ({ name, isType, isUsedInFile: others.some((each) => mentions(each, name)) }));
}

function mentions(node: ts.Node, name: string): boolean {
  return (
    (ts.isIdentifier(node) && node.text === name) ||
    (ts.forEachChild(node, (child) => mentions(child, name) || undefined) ?? false)
  );
}

function readModules(paths: readonly string[]): ReadonlyMap<string, Module> {
  return new Map(paths.map((path) => [path, readModule(path, readFileSync(path, 'utf8'))]));
}

/** The exports of a file that none of the imports names. */
function notImported(path: string, { exported }: Module, imports: ReadonlySet<string>): ExportedName[] {
  return imports.has(`${path} *`) ? [] : exported.filter(({ name }) => !imports.has(`${path} ${name}`));
}

const modules = readModules(
  ['src', 'bench', 'organism', 'examples', 'tests'].flatMap((each) => listFiles(join(root, each))),
);
const isTest = (path: string): boolean =>
  /\.test\.tsx?$|\/testing\//.test(path) || path.startsWith(join(root, 'tests/'));
const own = [...modules].filter(
  ([path]) => path.startsWith(join(root, 'src/')) && !isTest(path) && !path.endsWith('src/index.ts'),
);
const importsBy = (keeps: (path: string) => boolean): ReadonlySet<string> =>
  new Set([...modules].filter(([path]) => keeps(path)).flatMap(([, { imported }]) => imported));
const shown = (path: string, { name }: ExportedName): string => `${relative(root, path)}: ${name}`;

describe('what src exports', () => {
  it('is found, and what is imported too', () => {
    const text = [
      "import { a, b as c } from './x.js';",
      "export * from './y.js';",
      'export function recursive(): void { recursive(); }',
      'export const used = 1, unused = used;',
      'export interface Shape { size: number }',
      'const size = (shape: Shape) => shape.size + used;',
    ];
    const { exported, imported } = readModule('/folder/file.ts', text.join('\n'));
    expect(imported).toEqual(['/folder/x.js a', '/folder/x.js b', '/folder/y.js *']);
    expect(exported).toEqual([
      { name: 'recursive', isType: false, isUsedInFile: false },
      { name: 'used', isType: false, isUsedInFile: true },
      { name: 'unused', isType: false, isUsedInFile: false },
      { name: 'Shape', isType: true, isUsedInFile: true },
    ]);
    expect(own.length).toBeGreaterThan(300);
  });

  it('is used by the program, not by tests alone, but for what is kept on purpose', () => {
    const imports = importsBy((path) => !isTest(path));
    const dead = own.flatMap(([path, module]) =>
      notImported(path, module, imports)
        .filter(({ isUsedInFile }) => !isUsedInFile)
        .map((name) => shown(path, name)),
    );
    expect(dead.sort()).toEqual(Object.keys(kept).sort());
  });

  it('is imported somewhere, unless it is the type of another export', () => {
    const imports = importsBy(() => true);
    const idle = own.flatMap(([path, module]) =>
      notImported(path, module, imports)
        .filter(({ isType }) => !isType)
        .map((name) => shown(path, name)),
    );
    expect(idle).toEqual([]);
  });
});
