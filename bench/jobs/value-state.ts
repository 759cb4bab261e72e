/**
 * Reads, changes and writes a value per key, once a record, and emits how often that has been for the key.
 *
 * Parameters: records, keys, key (`int` or `text`), order (`uniform` or `zipf`: with the exponent 0.99, the frequent
 * keys strewn over all), bytes (of a value; 0: a number).
 */

import { job, valueState } from 'millstream';
import type { Parameters } from '../benchmark.ts';
import { checksumSink, ExpectedChecksum, type Checksum } from '../checksum-sink.ts';
import { keyOrder } from '../key-order.ts';

interface Access {
  readonly key: number | string;
}

interface Account {
  count: number;
  last: number;
  balance: number;
  readonly text: string;
}

/** What the other fields of an account take, about. */
const FIELDS_BYTES = 60;

function fold(count: number): number {
  return Math.imul(count, 0x85eb_ca6b) | 0;
}

export default job('valueState', (env, parameters) => {
  const { key, bytes } = parameters;
  const order = keyOrder(parameters as Parameters);
  const names = key === 'text' ? Array.from({ length: Number(parameters['keys']) }, (_, i) => textOf(i)) : undefined;
  const accesses = env
    .setParallelism(1)
    .fromGenerator((i): Access => ({ key: names === undefined ? (order(i) as number) : (names[order(i)] as string) }), {
      count: Number(parameters['records']),
    })
    .keyBy((access) => access.key);
  const counts =
    Number(bytes) === 0
      ? accesses.process<number, { count: ReturnType<typeof valueState<number>> }>({
          state: { count: valueState<number>('count') },
          processElement(_access, ctx, out) {
            const count = (ctx.state.count.value() ?? 0) + 1;
            ctx.state.count.update(count);
            out.collect(count);
          },
        })
      : accesses.process<number, { account: ReturnType<typeof valueState<Account>> }>({
          state: { account: valueState<Account>('account') },
          processElement(_access, ctx, out) {
            const account = ctx.state.account.value() ?? opened(Number(bytes));
            account.count++;
            account.last = account.count * 1_000;
            account.balance += 0.5;
            ctx.state.account.update(account);
            out.collect(account.count);
          },
        });
  counts.uid('state').sinkTo(checksumSink(fold)).uid('sink');
});

function textOf(key: number): string {
  return `user-${key * 7919}`;
}

let accounts = 0;

function opened(bytes: number): Account {
  return { count: 0, last: 0, balance: 0.25, text: `${accounts++}`.padEnd(bytes - FIELDS_BYTES, '.') };
}

export function expected(parameters: Parameters): Checksum {
  const order = keyOrder(parameters);
  const counts = new Int32Array(Number(parameters['keys']));
  const checksum = new ExpectedChecksum();
  for (let i = 0; i < Number(parameters['records']); i++) {
    const key = order(i);
    counts[key] = (counts[key] as number) + 1;
    checksum.add(fold(counts[key] as number));
  }
  return checksum;
}
