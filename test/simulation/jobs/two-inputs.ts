/** Two streams that meet by key: every number of one meets every number of the other, whichever comes first. */

import { job, listState } from 'millstream';

const RECORDS = 200;
const KEYS = 20;

export default job('two-inputs', (env) => {
  env.setParallelism(2);
  const orders = env.fromSequence(1, RECORDS).map((n) => ({ key: n % KEYS, order: n }));
  const payments = env
    .fromSequence(1, RECORDS)
    .rebalance()
    .map((n) => ({ key: n % KEYS, payment: n }));
  orders
    .keyBy((one) => one.key)
    .connect(payments.keyBy((one) => one.key))
    .process({
      state: { orders: listState<number>('orders'), payments: listState<number>('payments') },
      *processElement1({ order }, ctx) {
        ctx.state.orders.add(order);
        for (const payment of ctx.state.payments.get()) yield { order, payment };
      },
      *processElement2({ payment }, ctx) {
        ctx.state.payments.add(payment);
        for (const order of ctx.state.orders.get()) yield { order, payment };
      },
    })
    .collect('result');
});
