/** The only place that reads the time, so that tests can set it and no result depends on it by accident. */

export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  readonly monotonicMs: () => number;
  /** Now, as an ISO 8601 string in UTC. */
  readonly isoNow: () => string;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  isoNow: () => new Date().toISOString(),
};

/** A clock that stands still until told otherwise. */
export function manualClock(start = 0): Clock & { readonly advance: (ms: number) => void } {
  let now = start;
  return {
    monotonicMs: () => now,
    isoNow: () => new Date(now).toISOString(),
    advance: (ms) => {
      now += ms;
    },
  };
}
