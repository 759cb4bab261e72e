/** Environments for the tests of the API: they run their job on the calling thread, in the real World. */

import { StreamEnvironment, type EnvironmentOptions } from '../../src/api/environment.ts';
import { InlineLauncher } from '../../src/cluster/embedded-cluster.ts';
import { RealDoorbell } from '../../src/world/doorbell.ts';
import { createRealWorld } from '../../src/world/real-world.ts';

export function environment(options: EnvironmentOptions = {}): StreamEnvironment {
  return new StreamEnvironment(new InlineLauncher(createRealWorld(), () => new RealDoorbell()), options);
}

/** The same job in ways that must not show in its results. */
export const WAYS: readonly { readonly name: string; readonly options: EnvironmentOptions }[] = [
  { name: 'one subtask', options: {} },
  { name: 'three subtasks', options: { settings: { parallelism: 3 } } },
  {
    name: 'two subtasks, bytes, unchained',
    options: { settings: { parallelism: 2, localChannels: 'bytes', chaining: false } },
  },
];

/** An order for results of parallel jobs. */
export function sorted<T>(values: readonly T[]): T[] {
  return values.toSorted((a, b) => {
    const [x, y] = [JSON.stringify(a), JSON.stringify(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  });
}
