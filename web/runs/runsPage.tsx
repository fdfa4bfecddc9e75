/** The page: where one is, whether it is live, and the room that the address names. */
import { useEffect, useRef } from 'preact/hooks';
import { ThemeButton } from '../shared/themeButton.js';
import { CompareRoom } from './compareRoom.js';
import { DialoguesRoom } from './dialoguesRoom.js';
import { JobBar } from './jobBar.js';
import { connection } from './live.js';
import { linkTo, route, routeId } from './route.js';
import { RunRoom } from './runRoom.js';
import { RunsRoom } from './runsRoom.js';
import { StartRoom } from './startRoom.js';
import { SweepRoom } from './sweepRoom.js';

export function RunsPage() {
  const { room } = route.value;
  const main = useRef<HTMLElement>(null);
  const place = `${room} ${routeId.value}`;
  const wasSeen = useRef(false);
  useEffect(() => {
    // A view that was gone to takes the focus, so that a screen reader goes on from it; the first one is read anyway.
    if (wasSeen.current) main.current?.querySelector('h1')?.focus({ preventScroll: true });
    wasSeen.current = true;
    document.title = `${room === 'runs' ? 'Runs' : routeId.value || (room === 'start' ? 'Start' : 'Compare')} – Gadfly`;
  }, [place]);
  return (
    <>
      <header class="page-head">
        <a class="skip" href={linkTo(room, route.value.parameters)} onClick={skipTo(main)}>
          Skip to the content
        </a>
        <nav aria-label="Place">
          <a class="brand" href={linkTo('runs')} aria-current={room === 'runs' ? 'page' : undefined}>
            Gadfly · runs
          </a>
          <Trail />
        </nav>
        <div class="controls">
          <ConnectionMark />
          <ThemeButton />
        </div>
      </header>
      <main ref={main} tabIndex={-1}>
        {connection.value === 'refused' ? (
          <p class="failure" role="alert">
            The address is no longer the right one: open the one that `gadfly ui` has printed.
          </p>
        ) : null}
        <JobBar />
        <Room />
      </main>
    </>
  );
}

function skipTo(main: { readonly current: HTMLElement | null }) {
  return (event: Event): void => {
    event.preventDefault();
    main.current?.focus();
  };
}

function Room() {
  switch (route.value.room) {
    case 'runs':
      return <RunsRoom />;
    case 'run':
      return <RunRoom key={routeId.value} id={routeId.value} />;
    case 'sweep':
      return <SweepRoom key={routeId.value} id={routeId.value} />;
    case 'compare':
      return <CompareRoom />;
    case 'start':
      return (
        <StartRoom key={route.value.parameters.get('resume') ?? ''} resumed={route.value.parameters.get('resume')} />
      );
    case 'dialogues':
      return <DialoguesRoom key={routeId.value} id={routeId.value} />;
  }
}

function Trail() {
  const { room } = route.value;
  const id = routeId.value;
  if (room !== 'dialogues') return null;
  return (
    <>
      <span aria-hidden="true"> / </span>
      <a href={linkTo('run', { id })}>{id}</a>
    </>
  );
}

const marks = {
  opening: 'connecting …',
  live: 'live',
  lost: 'server away, trying again',
  refused: 'refused',
} as const;

function ConnectionMark() {
  return (
    <span class={`connection ${connection.value}`} role="status">
      <i aria-hidden="true" />
      {marks[connection.value]}
    </span>
  );
}
