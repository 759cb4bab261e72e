/**
 * Joins two streams by hand: an order and its payment wait for each other in keyed state, in whatever order they come,
 * and a timer reports what was left alone. It is the join to write when the built-in ones do not say what you mean.
 */

import { createEnvironment, outputTag, valueState, WatermarkStrategy } from 'millstream';

const MINUTE = 60_000;
const PATIENCE_MS = 30 * MINUTE;
const ALONE = outputTag<string>('alone');

interface Order {
  readonly id: number;
  readonly item: string;
  readonly time: number;
}
interface Payment {
  readonly order: number;
  readonly amount: number;
  readonly time: number;
}

const ORDERS: readonly Order[] = [
  { id: 1, item: 'lamp', time: 0 },
  { id: 2, item: 'chair', time: 5 * MINUTE },
  { id: 3, item: 'desk', time: 10 * MINUTE },
];
const PAYMENTS: readonly Payment[] = [
  { order: 3, amount: 90, time: 2 * MINUTE }, // paid in advance
  { order: 1, amount: 20, time: 12 * MINUTE },
  { order: 7, amount: 15, time: 20 * MINUTE },
];

const env = createEnvironment();
const inOrder = WatermarkStrategy.forMonotonousTimestamps((event: Order | Payment) => event.time);
const orders = env.fromCollection(ORDERS).assignTimestampsAndWatermarks(inOrder);
const payments = env.fromCollection(PAYMENTS).assignTimestampsAndWatermarks(inOrder);

const matched = orders
  .connect(payments)
  .keyBy(
    (order) => order.id,
    (payment) => payment.order,
  )
  .process({
    state: { order: valueState<Order>('order'), payment: valueState<Payment>('payment') },

    *processElement1(order, ctx) {
      const payment = ctx.state.payment.value();
      if (payment === undefined) {
        ctx.state.order.update(order);
        ctx.timerService().registerEventTimeTimer(order.time + PATIENCE_MS);
      } else {
        ctx.state.payment.clear();
        yield `paid: ${order.item} with ${payment.amount}`;
      }
    },

    *processElement2(payment, ctx) {
      const order = ctx.state.order.value();
      if (order === undefined) {
        ctx.state.payment.update(payment);
        ctx.timerService().registerEventTimeTimer(payment.time + PATIENCE_MS);
      } else {
        ctx.state.order.clear();
        yield `paid: ${order.item} with ${payment.amount}`;
      }
    },

    onTimer(_time, ctx) {
      const [order, payment] = [ctx.state.order.value(), ctx.state.payment.value()];
      if (order !== undefined) ctx.output(ALONE, `not paid: ${order.item}`);
      if (payment !== undefined) ctx.output(ALONE, `paid for nothing: ${payment.amount} for order ${payment.order}`);
      ctx.state.order.clear();
      ctx.state.payment.clear();
    },
  });

matched.union(matched.getSideOutput(ALONE)).print();
await env.execute('orders and payments');
