/** Paths into an answer: names and numbers of a list, apart by dots; `*` is every entry of a list, and a dot of a name
 *  is written `\.`. */
import { TargetError } from '../base/errors.js';

/** The value at a path such as choices.0.message.content or `*.text`. @throws TargetError naming the step that leads
 *  nowhere */
export function valueAt(answer: unknown, path: string, where: string): unknown {
  return follow(answer, stepsOf(path), [], { path, where });
}

function stepsOf(path: string): readonly string[] {
  return path.split(/(?<!\\)\./).map((step) => step.replaceAll('\\.', '.'));
}

function follow(
  at: unknown,
  [step, ...rest]: readonly string[],
  gone: readonly string[],
  around: { readonly path: string; readonly where: string },
): unknown {
  if (step === undefined) return at;
  const here = [...gone, step];
  if (step === '*' && Array.isArray(at)) return at.map((each: unknown) => follow(each, rest, here, around));
  const isParent = typeof at === 'object' && at !== null;
  const next: unknown = isParent && Object.hasOwn(at, step) ? (at as Record<string, unknown>)[step] : undefined;
  if (next !== undefined) return follow(next, rest, here, around);
  const there = isParent
    ? Array.isArray(at)
      ? `a list of ${at.length}`
      : Object.keys(at).slice(0, 12).join(', ')
    : typeof at;
  throw new TargetError('the answer has nothing at this path', {
    where: `${around.where} (${here.join('.')})`,
    expected: around.path,
    got: there === '' ? 'nothing' : there,
    remedy: Array.isArray(at)
      ? 'Correct http.reply: a list takes a number, or * for all of its entries.'
      : 'Correct http.reply.',
  });
}
