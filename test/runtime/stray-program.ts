/** Run as a process of its own by stray.test.ts: one job whose code fails late, one that is healthy beside it. */

import { createEnvironment, MillstreamError } from 'millstream';

const how = process.argv[2];
const healthy = createEnvironment();
const values: number[] = [];
const reading = (async () => {
  for await (const value of healthy.fromGenerator((i) => i, { count: 200, recordsPerSecond: 1000 })) values.push(value);
})();

const env = createEnvironment();
env
  .fromGenerator((i) => i, { recordsPerSecond: 1000 })
  .map((value) => {
    if (value === 5 && how === 'rejection') void Promise.reject(new Error('nobody waits for this'));
    if (value === 5 && how === 'timer')
      setTimeout(() => {
        throw new Error('too late');
      }, 5);
    return value;
  })
  .filter(() => false)
  .print();
const failure = await env.execute().catch((error: unknown) => error);
await reading;
console.log(
  JSON.stringify({
    code: failure instanceof MillstreamError ? failure.code : 'none',
    message: String(failure),
    healthy: values.length,
  }),
);
