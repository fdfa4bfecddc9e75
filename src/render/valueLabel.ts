/** A swept value as people read it: names bare, `{ model: x }` as x, everything else as JSON. */
import type { JsonValue } from '../base/json.js';

export function valueLabel(value: JsonValue | undefined): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'model' in value && typeof value.model === 'string')
    return value.model;
  return JSON.stringify(value ?? null);
}
