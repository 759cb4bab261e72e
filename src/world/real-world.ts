/** The real World: the system's clock, randomness, sockets, files and threads. */

import { getHeapStatistics } from 'node:v8';
import type { World } from '../base/world.ts';
import { RealClock } from './clock.ts';
import { RealNetwork } from './network.ts';
import { RealOwnership } from './ownership.ts';
import { RealRandom } from './random.ts';
import { RealStorage } from './storage.ts';
import { RealThreads } from './threads.ts';
import { REAL_WORKING_FILES } from './working-files.ts';

const MEGABYTE = 1024 * 1024;

/** A World of its own: its `local:` addresses are seen by those alone who were given it. */
export function createRealWorld(): World {
  const clock = new RealClock();
  return {
    ownership: new RealOwnership(),
    clock,
    random: new RealRandom(),
    network: new RealNetwork(clock),
    storage: new RealStorage(),
    working: REAL_WORKING_FILES,
    threads: new RealThreads(),
    cpuMicroseconds: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    heapMegabytes: () => {
      const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
      return { used: Math.round(used / MEGABYTE), limit: Math.round(limit / MEGABYTE) };
    },
    print: (line, stream) => {
      const target = stream === 'out' ? process.stdout : process.stderr;
      target.write(`${line}\n`);
    },
  };
}
