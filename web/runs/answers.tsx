/** An answer of the server as a view has it: asked anew when what it is about changes, the last one staying meanwhile. */
import { type Signal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { RequestError } from '../shared/ask.js';
import { changed } from './live.js';

export interface Answer<T> {
  readonly value: T | null;
  readonly error: string | null;
}

/** @param key what is asked about; another key forgets the answer
 *  @param watched the run whose changes ask again; null for none */
export function useAnswer<T>(key: string, ask: () => Promise<T>, watched: string | null): Signal<Answer<T>> {
  const answer = useMemo(() => signal<Answer<T>>({ value: null, error: null }), [key]);
  const news = changed.value;
  const isAbout = news?.what === 'summary' && news.id === watched ? news : null;
  useEffect(() => {
    let isOver = false;
    const retry = (): void => {
      ask().then(
        (value) => {
          if (!isOver) answer.value = { value, error: null };
        },
        (error: unknown) => {
          if (isOver) return;
          const isAway = error instanceof RequestError && error.status === null;
          answer.value = { value: answer.value.value, error: isAway ? null : messageOf(error) };
          // A run that has just been started is not there yet.
          const mayCome = error instanceof RequestError && error.status === 404;
          if (isAway || mayCome) setTimeout(retry, 1000);
        },
      );
    };
    retry();
    return () => {
      isOver = true;
    };
  }, [key, isAbout]);
  return answer;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function FailureOf({ error }: { readonly error: string | null }) {
  return error === null ? null : (
    <p class="failure" role="alert">
      {error}
    </p>
  );
}
