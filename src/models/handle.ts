/** An open resource with its way to close. Closing an owned one frees it; closing a borrowed one leaves it to its
 *  owner. The receiver of a handle always closes it, and need not know which kind it is. */
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

/** Returns a handle whose closing frees the model's memory. */
export function ownedModel<T extends { readonly close: () => Promise<void> }>(model: T): Handle<T> {
  return owned(model, () => model.close());
}

/** Returns a handle on what is made of an open resource; closing it closes that resource. */
export function onHandle<T, U>({ value, isOwned, close }: Handle<T>, make: (value: T) => U): Handle<U> {
  return { value: make(value), isOwned, close };
}
