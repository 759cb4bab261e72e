/** The real World: the system's clock, randomness, sockets, files and threads. */

import type { World } from '../base/world.ts';
import { RealClock } from './clock.ts';
import { RealNetwork } from './network.ts';
import { RealOwnership } from './ownership.ts';
import { RealRandom } from './random.ts';
import { RealStorage } from './storage.ts';
import { RealThreads } from './threads.ts';

/** A World of its own: its `local:` addresses are seen by those alone who were given it. */
export function createRealWorld(): World {
  const clock = new RealClock();
  return {
    ownership: new RealOwnership(),
    clock,
    random: new RealRandom(),
    network: new RealNetwork(clock),
    storage: new RealStorage(),
    threads: new RealThreads(),
    cpuMicroseconds: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    print: (line, stream) => {
      const target = stream === 'out' ? process.stdout : process.stderr;
      target.write(`${line}\n`);
    },
  };
}
