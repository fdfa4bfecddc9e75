/** The width of an element, so that pictures are drawn at their size and their type stays legible on a phone. */
import { type RefObject } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** @param most the picture is no wider than this, in px */
export function useWidth(most: number): { readonly ref: RefObject<HTMLDivElement | null>; readonly width: number } {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(most);
  useLayoutEffect(() => {
    if (ref.current === null) return;
    const sized = new ResizeObserver(([entry]) => {
      if (entry !== undefined && entry.contentRect.width > 0)
        setWidth(Math.min(most, Math.round(entry.contentRect.width)));
    });
    sized.observe(ref.current);
    return () => {
      sized.disconnect();
    };
  }, [most]);
  return { ref, width };
}
