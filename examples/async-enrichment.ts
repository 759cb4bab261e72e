/**
 * Asks a slow service about every order without stopping for it: many calls are under way at once.
 *
 * Ordered results keep the order of the stream, unordered ones come as they are there. A call that fails is made again,
 * one that takes too long gets a substitute.
 */

import { createEnvironment, type AsyncOptions } from 'millstream';

interface Order {
  readonly id: number;
  readonly customer: string;
}

const ORDERS: readonly Order[] = [
  { id: 1, customer: 'ada' },
  { id: 2, customer: 'bob' },
  { id: 3, customer: 'cyd' },
  { id: 4, customer: 'dan' },
];

/** How long the service takes for a customer, in milliseconds. */
const LATENCY_MS: Readonly<Record<string, number>> = { ada: 300, bob: 10, cyd: 150, dan: 10_000 };

const calls = new Map<string, number>();

/** The service. Its first answer about bob is an error; about dan it thinks for ever. */
async function cityOf(customer: string, signal: AbortSignal): Promise<string> {
  const call = (calls.get(customer) ?? 0) + 1;
  calls.set(customer, call);
  await new Promise<void>((answer) => {
    const timer = setTimeout(answer, LATENCY_MS[customer]);
    // Aborted when the call has timed out: nobody waits for it any more.
    signal.addEventListener('abort', () => clearTimeout(timer));
  });
  if (customer === 'bob' && call === 1) throw new Error('503 Service Unavailable');
  return { ada: 'London', bob: 'Paris', cyd: 'Rome' }[customer] ?? '?';
}

async function enrich(order: Order, signal: AbortSignal): Promise<string> {
  return `order ${order.id} from ${order.customer} in ${await cityOf(order.customer, signal)}`;
}

const OPTIONS: AsyncOptions<Order, string> = {
  capacity: 10,
  timeoutMs: 600,
  retry: { kind: 'exponential-delay', attempts: 3, initialDelayMs: 10, maxDelayMs: 100 },
  onTimeout: (order) => `order ${order.id} from ${order.customer}: no answer`,
};

for (const mode of ['ordered', 'unordered'] as const) {
  calls.clear();
  const env = createEnvironment();
  env
    .fromCollection(ORDERS)
    .asyncMap(enrich, { ...OPTIONS, mode })
    .print(mode);
  await env.execute(`enrichment, ${mode}`);
}
console.log(`bob's city took ${calls.get('bob')} calls`);
