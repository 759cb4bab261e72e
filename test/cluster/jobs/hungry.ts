/** Keeps everything: runs out of the heap of its slot. */

import { job, valueState } from 'millstream';

export default job('hungry', (env) => {
  env
    .fromGenerator((i) => i, {})
    .keyBy((value) => value)
    .process({
      state: { kept: valueState<number[]>('kept') },
      processElement(value, ctx) {
        ctx.state.kept.update(new Array<number>(2000).fill(value + 0.5));
      },
    })
    .print();
});
