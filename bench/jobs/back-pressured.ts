/**
 * Three stages on threads of their own, of which the last is so slow that everything before it is full.
 * Parameters: recordMs, how long the last stage takes for a record.
 */

import { job } from 'millstream';

/** More than will ever be read: the job is cancelled when it has been measured. */
const RECORDS = 1e9;

export default job('back-pressured', (env, parameters) => {
  const recordMs = Number(parameters['recordMs']);
  env
    .fromGenerator((index) => ({ index, user: `user-${index % 1_000}` }), { count: RECORDS })
    .slotSharingGroup('source')
    .uid('source')
    .rebalance()
    .map(({ index, user }) => ({ index, user, middle: true }))
    .slotSharingGroup('middle')
    .keyBy(({ user }) => user)
    .process({
      processElement() {
        for (const until = performance.now() + recordMs; performance.now() < until;);
      },
    })
    .uid('last')
    .slotSharingGroup('last')
    .sinkTo({
      name: 'nothing',
      guarantee: 'at-most-once',
      createWriter: () => ({ write() {}, flush() {}, close() {} }),
    });
});
