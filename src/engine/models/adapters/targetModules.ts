/** Which linear maps a pattern names, as PEFT reads `target_modules` (`check_target_module_exists`): a list holds names
 *  or ends of names ('q_proj', 'mlp.up_proj'), a single text is a pattern that a whole name must match, 'all-linear' is
 *  all of them. Stricter in one point: a pattern of a list that meets nothing is an error, not only a list that does.
 */
import { ConfigError } from '../../../base/errors.js';

/** @param names of the model's linear maps
 *  @returns the named ones, in the order of `names` */
export function matchTargets(
  targets: readonly string[] | string,
  names: readonly string[],
  where: string,
): readonly string[] {
  if (targets === 'all-linear') return names;
  if (typeof targets === 'string') {
    const pattern = wholeName(targets, where);
    const found = names.filter((name) => pattern.test(name));
    if (found.length === 0) throw noSuchModule(targets, names, where);
    return found;
  }
  const ends =
    (target: string) =>
    (name: string): boolean =>
      name === target || name.endsWith(`.${target}`);
  for (const target of targets) if (!names.some(ends(target))) throw noSuchModule(target, names, where);
  return names.filter((name) => targets.some((target) => ends(target)(name)));
}

function wholeName(pattern: string, where: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u');
  } catch (cause) {
    throw new ConfigError('not a pattern', {
      where,
      expected: 'a regular expression that whole module names match',
      got: pattern,
      cause,
    });
  }
}

function noSuchModule(target: string, names: readonly string[], where: string): ConfigError {
  const kinds = [...new Set(names.map((name) => name.replaceAll(/(^|\.)\d+(?=\.|$)/g, '$1N')))];
  return new ConfigError('no linear map of the model has this name', {
    where,
    expected: `'all-linear', or names, ends of names or a pattern of\n    ${kinds.join('\n    ')}`,
    got: target,
    remedy:
      'Adapters go on the linear maps inside the layers; embedding tables, norms and the vocabulary head have none.',
  });
}
