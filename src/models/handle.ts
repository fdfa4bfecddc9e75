/** A thing that is open, and who closes it: closing an owned one frees it, closing a borrowed one leaves it to its
 *  owner. Whoever gets a handle closes it, and need not know which it is. */
export interface Handle<T> {
  readonly value: T;
  readonly isOwned: boolean;
  readonly close: () => Promise<void>;
}

export function owned<T>(value: T, close: () => Promise<void>): Handle<T> {
  return { value, isOwned: true, close };
}

export function borrowed<T>(value: T): Handle<T> {
  return { value, isOwned: false, close: () => Promise.resolve() };
}

/** The owner of a model frees its memory. */
export function ownedModel<T extends { readonly close: () => Promise<void> }>(model: T): Handle<T> {
  return owned(model, () => model.close());
}

/** Returns what is made of an open thing; closing it closes that thing. */
export function onHandle<T, U>({ value, isOwned, close }: Handle<T>, make: (value: T) => U): Handle<U> {
  return { value: make(value), isOwned, close };
}
