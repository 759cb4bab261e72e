/** The World of a janitor, which runs outside of any job: the clock of the process, and nothing else that it needs. */

import type { ConnectorWorld } from 'millstream';

export function janitorWorld(): ConnectorWorld {
  const nothing = (): never => {
    throw new TypeError('a janitor has neither files nor sockets of the World');
  };
  const without = new Proxy({}, { get: nothing });
  return {
    clock: {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      after: (delay, callback) => {
        const timer = setTimeout(callback, delay);
        return { cancel: () => clearTimeout(timer) };
      },
      nextTurn: (callback) => void setImmediate(callback),
    },
    random: { next: () => Math.random(), id: () => crypto.randomUUID().replaceAll('-', '') },
    print: (line, stream) => void process[stream === 'out' ? 'stdout' : 'stderr'].write(`${line}\n`),
    network: without as ConnectorWorld['network'],
    storage: without as ConnectorWorld['storage'],
  };
}
