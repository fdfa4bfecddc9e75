/** Explains a schema's refusals in words, and lists the keys that it knows at a place. Works on zod's issues and
 *  definitions alone. */
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** Issues with those of unions replaced by the issues of the branch that came nearest (the one that refused deepest).
 */
export function leafIssues(issues: readonly Issue[], prefix: readonly PropertyKey[] = []): readonly Issue[] {
  return issues.flatMap((issue): readonly Issue[] => {
    const path = [...prefix, ...issue.path];
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ ...issue, path }];
    const branches = issue.errors.map((branch) => leafIssues(branch, path));
    const typed = branches.filter(
      (branch) => !branch.some((leaf) => leaf.code === 'invalid_type' && leaf.path.length === path.length),
    );
    return typed[0] ?? [{ ...issue, path, message: `expected ${branches.flat().map(expectedOf).join(' or ')}` }];
  });
}

function expectedOf(issue: Issue): string {
  return issue.code === 'invalid_type' ? kindName(issue.expected) : issue.message;
}

/** One line without the key, which the caller names. */
export function issueMessage(issue: Issue, got: unknown): string {
  const shown = got === undefined ? 'nothing' : clip(JSON.stringify(got));
  switch (issue.code) {
    case 'invalid_type':
      return got === undefined
        ? `missing: expected ${kindName(issue.expected)}`
        : `expected ${kindName(issue.expected)}, got ${shown}`;
    case 'invalid_value':
      return `expected one of ${issue.values.map(String).join(', ')}; got ${shown}`;
    case 'too_small':
      if (issue.origin === 'string' || issue.origin === 'array') return `must not be empty`;
      return `must be ${issue.inclusive === true ? 'at least' : 'above'} ${issue.minimum}, got ${shown}`;
    case 'too_big':
      return `must be at most ${issue.maximum}, got ${shown}`;
    case 'invalid_format':
      return `${issue.message}; got ${shown}`;
    case 'invalid_union': {
      const { options } = issue as { options?: readonly unknown[] };
      return options === undefined
        ? `${issue.message}, got ${shown}`
        : `expected one of ${options.map(String).join(', ')}; got ${shown}`;
    }
    default:
      return issue.message;
  }
}

function kindName(kind: string): string {
  const names: Readonly<Record<string, string>> = {
    string: 'text',
    int: 'a whole number',
    number: 'a number',
    boolean: 'true or false',
    object: 'a mapping (key: value)',
    array: 'a list',
    null: 'null',
  };
  return names[kind] ?? kind;
}

function clip(text: string | undefined): string {
  if (text === undefined) return 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** The keys that a schema knows at a path of the data; alternatives are chosen as the data chooses them. */
export function knownKeys(schema: z.ZodType, path: readonly PropertyKey[], data: unknown): readonly string[] {
  const reached = objectsAt(schema, path, data);
  return [...new Set(reached.flatMap((shape) => Object.keys(shape)))];
}

type Shape = Readonly<Record<string, z.ZodType>>;

function objectsAt(schema: z.ZodType, path: readonly PropertyKey[], data: unknown): readonly Shape[] {
  const definition = schema.def as unknown as Definition;
  switch (definition.type) {
    case 'object': {
      const [head, ...rest] = path;
      if (head === undefined) return [definition.shape];
      const next = definition.shape[String(head)];
      return next === undefined ? [] : objectsAt(next, rest, childOf(data, head));
    }
    case 'record':
      return path[0] === undefined ? [] : objectsAt(definition.valueType, path.slice(1), childOf(data, path[0]));
    case 'array':
      return path[0] === undefined ? [] : objectsAt(definition.element, path.slice(1), childOf(data, path[0]));
    case 'union':
      return definition.options
        .filter((option) => fits(option, definition.discriminator, data))
        .flatMap((option) => objectsAt(option, path, data));
    case 'pipe':
      return objectsAt(definition.in, path, data);
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
      return objectsAt(definition.innerType, path, data);
    default:
      return [];
  }
}

type Definition =
  | { readonly type: 'object'; readonly shape: Shape }
  | { readonly type: 'record'; readonly valueType: z.ZodType }
  | { readonly type: 'array'; readonly element: z.ZodType }
  | { readonly type: 'union'; readonly options: readonly z.ZodType[]; readonly discriminator?: string }
  | { readonly type: 'pipe'; readonly in: z.ZodType }
  | { readonly type: 'optional' | 'nullable' | 'default' | 'prefault' | 'readonly'; readonly innerType: z.ZodType }
  | { readonly type: 'other' };

function fits(option: z.ZodType, discriminator: string | undefined, data: unknown): boolean {
  if (discriminator === undefined) return true;
  const definition = option.def as unknown as Definition;
  const field = definition.type === 'object' ? definition.shape[discriminator] : undefined;
  return field === undefined || field.safeParse(childOf(data, discriminator)).success;
}

function childOf(data: unknown, key: PropertyKey): unknown {
  return typeof data === 'object' && data !== null ? (data as Record<PropertyKey, unknown>)[key] : undefined;
}
