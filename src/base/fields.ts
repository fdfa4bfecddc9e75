/** Names of fields that come from files and requests: which are refused, and how a field is read whatever its name. */
import { FormatError } from './errors.js';

/** Names that mean something to JavaScript itself: an object that takes one of them by assignment is no longer the data
 *  that was read. */
const reservedNames: readonly string[] = ['__proto__', 'constructor', 'prototype'];

function isReservedName(name: string): boolean {
  return reservedNames.includes(name);
}

/** Checks the name of a field. @throws FormatError for a reserved name */
export function refuseReservedName(name: string, where: string): void {
  if (!isReservedName(name)) return;
  throw new FormatError('A field has a reserved name', {
    where,
    expected: `any name but ${reservedNames.join(', ')}`,
    got: name,
    remedy: 'Rename this field or column.',
  });
}

/** Returns a field of the object itself, never what every object inherits, such as toString. */
export function ownField(fields: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}
