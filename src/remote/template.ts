/** Bodies, headers and addresses with places to fill in, and paths into answers: how any JSON service is described in a
 *  few lines of a recipe. {{env:NAME}} is what the environment holds: a key, which goes out and is written nowhere. */
import { ConfigError } from '../base/errors.js';
import { looksLikeVariable, secretFrom, shownVariable } from './secrets.js';

export type TemplateValues = Readonly<Record<string, unknown>>;

const place = /\{\{\s*([A-Za-z]+|env:[A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;
const onlyPlace = new RegExp(`^${place.source}$`);
const anyPlace = /\{\{([^{}]*)\}\}/g;

/** A copy of `template` with every {{name}} filled in: a text that is nothing but a place becomes the value itself (a
 *  list, a number), a place within a text the value as text. A place without a value stays as it is. */
export function fillTemplate(template: unknown, values: TemplateValues): unknown {
  if (typeof template === 'string') {
    const whole = onlyPlace.exec(template)?.[1];
    if (whole !== undefined && Object.hasOwn(values, whole)) return values[whole];
    return template.replace(place, (all, name: string) => (Object.hasOwn(values, name) ? asText(values[name]) : all));
  }
  if (Array.isArray(template)) return template.map((each) => fillTemplate(each, values));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([key, each]) => [key, fillTemplate(each, values)]));
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The places of a template that nothing fills, in the order in which they stand, each once. Names of fields hold no
 *  place at all.
 *  @param known names that are filled, beside variables of the environment */
export function unfilledPlaces(template: unknown, known: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const walk = (at: unknown): void => {
    if (typeof at === 'string') {
      for (const [, name = ''] of at.matchAll(anyPlace)) {
        const plain = name.trim();
        const isVariable = /^env:[A-Za-z_][A-Za-z0-9_]*$/.test(plain) && looksLikeVariable(plain.slice('env:'.length));
        if (!isVariable && !known.includes(plain)) found.add(shownPlace(plain));
      }
    } else if (Array.isArray(at)) at.forEach(walk);
    else if (typeof at === 'object' && at !== null)
      for (const [key, each] of Object.entries(at)) {
        for (const [, name = ''] of key.matchAll(anyPlace)) found.add(shownPlace(name.trim()));
        walk(each);
      }
  };
  walk(template);
  return [...found];
}

/** A key that was put where its variable's name belongs is not shown. */
function shownPlace(name: string): string {
  return name.startsWith('env:') && !looksLikeVariable(name.slice('env:'.length)) ? 'env:…' : name;
}

/** Returns the variables of the environment that a template names. */
export function variablesOf(template: unknown): readonly string[] {
  const text = JSON.stringify(template) ?? '';
  return [
    ...new Set([...text.matchAll(place)].flatMap(([, name = '']) => (name.startsWith('env:') ? [name.slice(4)] : []))),
  ];
}

/** Returns the values of the slots {{env:NAME}} of a template from the environment, by the names of the slots.
 *  @throws ConfigError, without the value, when a variable is empty or holds no key */
export function environmentValues(
  template: unknown,
  environment: Readonly<Record<string, string | undefined>>,
  where: string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    variablesOf(template).map((variable) => {
      const found = secretFrom(variable, environment, where);
      if (found !== null) return [`env:${variable}`, found];
      throw new ConfigError('an environment variable is empty', {
        where,
        expected: `a value in ${shownVariable(variable)}`,
        remedy: looksLikeVariable(variable) ? `export ${variable}=…` : 'Name a variable, not the key.',
      });
    }),
  );
}

/** An address with its variables filled in, percent-encoded. */
export function fillUrl(url: string, values: Readonly<Record<string, string>>): string {
  return url.replace(place, (all, name: string) => {
    const value = values[name];
    return value === undefined ? all : encodeURIComponent(value);
  });
}
