/** The state of channels after a change of the parallelism: every row goes where the partitioner would send it now, once. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ColumnBatch } from '../../src/data/column-batch.ts';
import { columnsFromRows, rowsOf } from '../../src/data/column-rows.ts';
import { keyGroup, subtaskOfKeyGroup } from '../../src/data/key.ts';
import { RecordBatch } from '../../src/data/record-batch.ts';
import { RecordDecoder, RecordEncoder } from '../../src/data/record-codec.ts';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import type { ChannelReader, Element } from '../../src/exchange/channel.ts';
import { ChannelStateWriter, type ChannelStateSnapshot } from '../../src/exchange/channel-state.ts';
import { InputGate } from '../../src/exchange/input-gate.ts';
import { LocalChannel } from '../../src/exchange/local-channel.ts';
import { restoredChannels } from '../../src/exchange/restored-channels.ts';
import type { Partitioning } from '../../src/graph/stream-graph.ts';

const GROUPS = 12;
const EDGE = 'a > b/0';
const SCHEMA = Schema.of({ key: LogicalType.notNull(LogicalType.int()), n: LogicalType.notNull(LogicalType.int()) });

interface Row {
  readonly key: number;
  readonly n: number;
}

const types = new TypeRegistry();
const codec = { encoder: new RecordEncoder({ types }), decoder: new RecordDecoder({ types }) };

function batchOf(rows: readonly Row[]): RecordBatch {
  const batch = new RecordBatch(rows.length);
  for (const row of rows) batch.push(row, row.n, 0);
  return batch;
}

function stateOf(
  elements: readonly Element[],
  place: Pick<ChannelStateSnapshot, 'sender' | 'senders' | 'receiver' | 'receivers'>,
  end: ChannelStateSnapshot['end'] = 'receiver',
): ChannelStateSnapshot {
  const writer = new ChannelStateWriter(() => codec.encoder);
  for (const element of elements) writer.element(element);
  return { edge: EDGE, ...place, end, bytes: writer.finish() };
}

function restored(
  states: readonly ChannelStateSnapshot[],
  partitioning: Partitioning,
  receiver: number,
  receivers: number,
  senders = 1,
) {
  return restoredChannels({
    states,
    to: { edge: EDGE, partitioning, receiver, receivers, maxParallelism: GROUPS },
    senders,
    input: 0,
    codec,
    channelOf: (sender) => sender,
  });
}

/** Rows by their fields, other elements by kind and timestamp. */
function drain(reader: ChannelReader): unknown[] {
  const seen: unknown[] = [];
  for (let element = reader.poll(); element !== undefined; element = reader.poll()) {
    if (element instanceof RecordBatch) seen.push(...element.values.slice(0, element.count));
    else if (element instanceof ColumnBatch) seen.push(...rowsOf(element));
    else seen.push(element.kind === 'watermark' ? element.timestamp : element.kind);
  }
  return seen;
}

const HASH: Partitioning = { kind: 'hash', key: (row: Row) => row.key };

test('rows of a keyed edge go to the owner of their key group, once and in order, records and columns alike', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 9 }), { maxLength: 8 }),
      fc.boolean(),
      (before, after, batches, columns) => {
        let n = 0;
        const rows = batches.map((keys) => keys.map((key) => ({ key, n: n++ })));
        const owner = (key: number, of: number): number => subtaskOfKeyGroup(keyGroup(key, GROUPS), GROUPS, of);
        const states = Array.from({ length: before }, (_, receiver) => {
          const own = rows.map((batch) => batch.filter(({ key }) => owner(key, before) === receiver));
          const elements = own.flatMap((batch, i): Element[] => [
            ...(batch.length === 0 ? [] : [columns ? columnsFromRows(SCHEMA, batch) : batchOf(batch)]),
            { kind: 'watermark', timestamp: i },
          ]);
          return stateOf(elements, { sender: 0, senders: 1, receiver, receivers: before });
        });
        const partitioning: Partitioning = columns ? { kind: 'hash-columns', columns: [0] } : HASH;
        const got = Array.from({ length: after }, (_, receiver) =>
          restored(states, partitioning, receiver, after).map(({ reader }) => drain(reader)),
        );
        for (const [receiver, channels] of got.entries()) {
          for (const channel of channels) {
            const own = channel.filter((one) => typeof one !== 'number') as Row[];
            assert.ok(own.every(({ key }) => owner(key, after) === receiver));
            assert.deepEqual(
              own.map((row) => row.n),
              own.map((row) => row.n).toSorted((a, b) => a - b),
            );
            const watermarks = channel.filter((one) => typeof one === 'number');
            assert.deepEqual(
              watermarks,
              batches.map((_, i) => i),
              'watermarks stay among the rows',
            );
          }
        }
        const all = got.flat(2).filter((one) => typeof one !== 'number') as Row[];
        assert.deepEqual(
          all.map((row) => row.n).toSorted((a, b) => a - b),
          rows.flat().map((row) => row.n),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('whole channels go to subtasks in turn, or all to the first; a custom partitioner is asked again', () => {
  const states = [0, 1, 2].map((receiver) =>
    stateOf([batchOf([{ key: receiver, n: receiver }])], { sender: 0, senders: 1, receiver, receivers: 3 }),
  );
  const keysAt = (partitioning: Partitioning, receiver: number, receivers: number): unknown[] =>
    restored(states, partitioning, receiver, receivers).flatMap(({ reader }) =>
      drain(reader).map((row) => (row as Row).key),
    );
  assert.deepEqual(keysAt({ kind: 'rebalance' }, 0, 2), [0, 2]);
  assert.deepEqual(keysAt({ kind: 'shuffle' }, 1, 2), [1]);
  assert.deepEqual(keysAt({ kind: 'rebalance' }, 4, 5), []);
  assert.deepEqual(keysAt({ kind: 'global' }, 0, 2), [0, 1, 2]);
  assert.deepEqual(keysAt({ kind: 'global' }, 1, 2), []);
  const custom: Partitioning = {
    kind: 'custom',
    key: (row: Row) => row.key,
    partition: (key: number, n) => (key + 1) % n,
  };
  assert.deepEqual(keysAt(custom, 0, 2), [1]);
  assert.deepEqual(keysAt(custom, 1, 2), [0, 2]);
  assert.throws(() => restored(states, { kind: 'broadcast' }, 0, 2), { code: 'STATE_INCOMPATIBLE' });
});

test('what the receiver held comes before what waited at the sender, and continues the channel while nothing changed', () => {
  const place = { sender: 1, senders: 2, receiver: 0, receivers: 1 };
  const states = [
    stateOf([batchOf([{ key: 1, n: 2 }])], place, 'sender'),
    stateOf([batchOf([{ key: 1, n: 1 }]), { kind: 'status', idle: true }], place, 'receiver'),
  ];
  const [same, ...none] = restored(states, HASH, 0, 1, 2);
  assert.deepEqual(none, []);
  assert.equal(same?.continues, 1);
  assert.deepEqual(drain(same?.reader as ChannelReader), [{ key: 1, n: 1 }, 'status', { key: 1, n: 2 }]);
  const [moved] = restored(states, HASH, 0, 1, 3);
  assert.equal(moved?.continues, undefined, 'with other senders no channel is what it was');
  assert.equal(moved?.place?.identity.sender, -1);
});

test('a task reads what was restored before anything new, and a cut in the middle of it takes the rest along', () => {
  const place = { sender: 0, senders: 1, receiver: 0, receivers: 1 };
  const states = [
    stateOf([batchOf([{ key: 1, n: 1 }]), { kind: 'watermark', timestamp: 5 }, batchOf([{ key: 1, n: 2 }])], place),
  ];
  const live = new LocalChannel({ wakeReader: () => {}, wakeWriter: () => {} });
  live.writer.send(batchOf([{ key: 1, n: 3 }]));
  live.writer.overtake(
    { kind: 'barrier', checkpoint: 7, triggeredAt: 0, type: 'checkpoint', epoch: 1, unalignedAt: 0 },
    new ChannelStateWriter(() => codec.encoder),
  );
  live.writer.send(batchOf([{ key: 1, n: 4 }]));
  const identity = { edge: EDGE, ...place };
  const gate = new InputGate([{ input: 0, reader: live.reader, place: { identity, encoder: () => codec.encoder } }], {
    unaligned: true,
    restored: restored(states, HASH, 0, 1),
  });
  const first = gate.poll();
  assert.ok(first?.kind === 'data' && first.data instanceof RecordBatch);
  assert.deepEqual(first.data.values.slice(0, 1), [{ key: 1, n: 1 }]);
  const due = gate.overtaking(1);
  assert.equal(due?.kind, 'overtaking');
  let held: readonly ChannelStateSnapshot[] | undefined;
  gate.cut(7, undefined, (channels) => (held = channels));
  const again = restored(held ?? [], HASH, 0, 1).flatMap(({ reader }) => drain(reader));
  assert.deepEqual(again, [5, { key: 1, n: 2 }, { key: 1, n: 3 }], 'the rest, then what is new before the barrier');
  const rest: unknown[] = [];
  for (let event = gate.poll(); event !== undefined; event = gate.poll()) {
    if (event.kind === 'data') rest.push(...(event.data as RecordBatch).values.slice(0, 1));
    else if (event.kind === 'watermark') rest.push(event.timestamp);
  }
  assert.deepEqual(rest, [5, { key: 1, n: 2 }, { key: 1, n: 3 }, { key: 1, n: 4 }]);
});

test('at least once, no channel is held and the barrier counts when the last has come', () => {
  const channels = [0, 1].map(() => new LocalChannel({ wakeReader: () => {}, wakeWriter: () => {} }));
  const gate = new InputGate(
    channels.map(({ reader }) => ({ input: 0, reader })),
    { exactlyOnce: false, unaligned: true },
  );
  const barrier = {
    kind: 'barrier',
    checkpoint: 1,
    triggeredAt: 0,
    type: 'checkpoint',
    epoch: 1,
    unalignedAt: 0,
  } as const;
  channels[0]?.writer.send(barrier);
  channels[0]?.writer.send(batchOf([{ key: 0, n: 0 }]));
  assert.equal(gate.overtaking(1), undefined, 'nothing overtakes');
  assert.equal(gate.poll()?.kind, 'data', 'what is behind the barrier is read');
  channels[1]?.writer.send(barrier);
  assert.deepEqual(gate.poll(), { kind: 'barrier', barrier });
});
