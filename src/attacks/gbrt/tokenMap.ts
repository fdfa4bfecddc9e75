/** A map between vocabularies: which token of a judge stands for each token of the target. A file of JSON,
 *  { "TARGET ID": JUDGE ID, …, "*": JUDGE ID of every other token }. */
import { ConfigError } from '../../base/errors.js';
import { readJsonObject } from '../../base/json.js';

/** Returns the judge's id of each of the target's tokens.
 *  @throws ConfigError for a token that has none, or an id outside a vocabulary */
export type TokenMap = (judgeTokens: number, targetTokens: number) => readonly number[];

const others = '*';

/** @throws ConfigError for a file that is not there or is no map */
export function readTokenMap(path: string): TokenMap {
  const { [others]: rest, ...named } = readJsonObject(path);
  const refuse = (expected: string, got: string): never => {
    throw new ConfigError('no map of the target’s tokens', {
      where: path,
      expected,
      got,
      remedy: `Write { "TARGET ID": JUDGE ID, … , "${others}": JUDGE ID of every other token }.`,
    });
  };
  return (judgeTokens, targetTokens) => {
    const judgeId = (key: string, value: unknown): number =>
      typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < judgeTokens
        ? value
        : refuse(`for ${key} an id of the judge, below ${String(judgeTokens)}`, JSON.stringify(value ?? 'none'));
    for (const key of Object.keys(named))
      if (!/^\d+$/.test(key) || Number(key) >= targetTokens)
        refuse(`ids of the target, below ${String(targetTokens)}`, JSON.stringify(key));
    return Array.from({ length: targetTokens }, (_, id) => {
      const key = String(id);
      return judgeId(key, named[key] ?? rest);
    });
  };
}
