/** The language of comments: a doc comment is a sentence with a subject, in the words of the field. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const folders = ['src', 'web', 'bench', 'organism', 'examples', 'tests'];

/** A doc comment that begins with one of these is a fragment. */
const fragment = /^(What|Of|Where|Whoever|Who|Null|None|Nobody|Told|As)\b/;
/** These turns have a plainer word: this many or n, a named person or part, depends on, zero, at random, session, per. */
const turn =
  /\b(so many|whoever|nobody|hang(s|ing)? on|nought|by lot|sittings?|nats a|one \w+ a (line|text|item|request|prompt|leaf|row))\b/i;

interface Comment {
  readonly line: number;
  readonly isDoc: boolean;
  readonly text: string;
}

/** Lists the block comments and the line comments of a source text, each joined to one line. */
function commentsOf(source: string): readonly Comment[] {
  return [...source.matchAll(/(?<=^|[\s({[])(?:\/\*.*?\*\/|\/\/ .*?$)/gms)].map(({ 0: comment, index }) => ({
    line: source.slice(0, index).split('\n').length,
    isDoc: comment.startsWith('/**'),
    text: comment
      .replace(/^\/(\*+|\/)|\*\/$/g, '')
      .replace(/\n\s*(\*|\/\/)?/g, ' ')
      .replace(/\s+/g, ' ')
      .trim(),
  }));
}

function faultsOf(path: string, source: string): readonly string[] {
  return commentsOf(source).flatMap(({ line, isDoc, text }) => {
    const found = (isDoc ? fragment.exec(text) : null) ?? turn.exec(text);
    return found === null ? [] : [`${path}:${String(line)}: "${found[0]}" in: ${text}`];
  });
}

describe('the language of comments', () => {
  it('is of sentences, in plain words, in every room', () => {
    const paths = folders
      .flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
      )
      .filter((path) => /\.tsx?$/.test(path));
    expect(paths.length).toBeGreaterThan(200);
    expect(paths.flatMap((path) => faultsOf(path, readFileSync(join(root, path), 'utf8')))).toEqual([]);
  });

  it.each([
    ['a fragment', '/** Of the body. */\nconst a = 1;', ['f.ts:1: "Of" in: Of the body.']],
    [
      'a turn over the end of a line',
      'f();\n/** Reads so\n *  many tokens. */',
      ['f.ts:2: "so many" in: Reads so many tokens.'],
    ],
    ['a turn in a line comment', '// whoever reads\nf();', ['f.ts:1: "whoever" in: whoever reads']],
    ['nothing in code, strings and sentences', "/** Returns what is left. */\nconst what = 'nobody: //nobody';", []],
  ])('finds %s', (_title, source, faults) => {
    expect(faultsOf('f.ts', source)).toEqual(faults);
  });
});
