/** Starts the worker from TypeScript sources (tests and development): registers tsx's loader in the thread, then enters
 *  `worker.ts`. Compiled code starts `worker.js` itself and never reads this file. */
import { register } from 'tsx/esm/api';

register();
await import('./worker.ts');
