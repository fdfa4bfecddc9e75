/** Preloaded into a process (`--import`) and every worker of it: writes a line to the file named by GADFLY_CONNECTIONS
 *  for each connection, look-up of a name or datagram that anything in it begins. */
import { appendFileSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';

const require = createRequire(import.meta.url);
const note = (what) => appendFileSync(process.env.GADFLY_CONNECTIONS, `${what}\n`);
const [net, dns, dgram] = [require('node:net'), require('node:dns'), require('node:dgram')];

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  note(`connect ${JSON.stringify(args[0]?.[0] ?? args[0])}`);
  return connect.apply(this, args);
};
for (const name of ['lookup', 'resolve', 'resolve4', 'resolve6']) {
  for (const owner of [dns, dns.promises]) {
    const original = owner[name];
    owner[name] = function (...args) {
      note(`dns ${args[0]}`);
      return original.apply(this, args);
    };
  }
}
const send = dgram.Socket.prototype.send;
dgram.Socket.prototype.send = function (...args) {
  note('datagram');
  return send.apply(this, args);
};
// Workers are watched as well, whatever flags they are given.
const threads = require('node:worker_threads');
const { Worker } = threads;
threads.Worker = class extends Worker {
  constructor(file, options = {}) {
    note(`watching begins in ${options.name ?? 'a thread without a name'}`);
    super(file, { ...options, execArgv: [...(options.execArgv ?? process.execArgv), '--import', import.meta.url] });
  }
};
syncBuiltinESMExports();
note(threads.isMainThread ? 'watching the main thread' : 'watching a worker');
