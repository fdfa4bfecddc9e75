/** Bodies with places to fill in, and paths into answers: how any JSON service is described in a few lines of a recipe.
 */
import { ConfigError, TargetError } from '../base/errors.js';

export type TemplateValues = Readonly<Record<string, unknown>>;

const place = /\{\{\s*([A-Za-z]+)\s*\}\}/g;

/** A copy of `template` with every {{name}} filled in: a text that is nothing but a place becomes the value itself (a
 *  list, a number), a place within a text the value as text. */
export function fillTemplate(template: unknown, values: TemplateValues): unknown {
  if (typeof template === 'string') {
    const whole = /^\{\{\s*([A-Za-z]+)\s*\}\}$/.exec(template)?.[1];
    if (whole !== undefined) return values[whole];
    return template.replace(place, (_, name: string) => asText(values[name]));
  }
  if (Array.isArray(template)) return template.map((each) => fillTemplate(each, values));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([key, each]) => [key, fillTemplate(each, values)]));
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Header values: {{env:NAME}} becomes what the environment holds. @returns the values, and the texts that no message
 *  may show
 *  @throws ConfigError when a variable is empty */
export function fillHeaders(
  headers: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly headers: Readonly<Record<string, string>>; readonly secrets: readonly string[] } {
  const secrets: string[] = [];
  const filled = Object.entries(headers).map(([name, value]) => [
    name.toLowerCase(),
    value.replace(/\{\{\s*env:([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g, (_, variable: string) => {
      const found = environment[variable]?.trim() ?? '';
      if (found === '') {
        throw new ConfigError('an environment variable for a header is empty', {
          where: `http.headers.${name}`,
          expected: `a value in ${variable}`,
          remedy: `export ${variable}=…`,
        });
      }
      secrets.push(found);
      return found;
    }),
  ]);
  return { headers: Object.fromEntries(filled) as Record<string, string>, secrets };
}

/** The value at a path such as choices.0.message.content. @throws TargetError naming the step that leads nowhere */
export function valueAt(answer: unknown, path: string, where: string): unknown {
  let at = answer;
  const gone: string[] = [];
  for (const step of path.split('.')) {
    const next: unknown =
      typeof at === 'object' && at !== null && Object.hasOwn(at, step)
        ? (at as Record<string, unknown>)[step]
        : undefined;
    gone.push(step);
    if (next === undefined) {
      const there =
        typeof at === 'object' && at !== null
          ? Array.isArray(at)
            ? `a list of ${at.length}`
            : Object.keys(at).slice(0, 12).join(', ')
          : typeof at;
      throw new TargetError('the answer has nothing at this path', {
        where: `${where} (${gone.join('.')})`,
        expected: path,
        got: there === '' ? 'nothing' : there,
        remedy: 'Correct http.reply.',
      });
    }
    at = next;
  }
  return at;
}
