/** Run in a process of its own, for the test runner takes every stray rejection for a failure of the test. */

import { createSimulation } from '../../src/testing/simulated-world.ts';

const simulation = createSimulation(1);
const { clock, ownership } = simulation.world('a');
ownership.onStray((owner, error) => {
  console.log(`${owner}: ${(error as Error).message}`);
  return true;
});
ownership.run('job', () => {
  void Promise.reject(new Error('rejected'));
  clock.after(1, () => {
    throw new Error('thrown');
  });
  clock.nextTurn(() => void Promise.reject(new Error('rejected later')));
});
await simulation.run();

// What a dead process left behind is nobody's.
const { promise, reject } = Promise.withResolvers<void>();
ownership.run('job', () => void promise.then(() => {}));
simulation.crash('a');
reject(new Error('too late'));
await simulation.run();
simulation.close();
console.log('over');
