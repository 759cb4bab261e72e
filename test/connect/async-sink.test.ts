/** The sink that sends batches: when they go, what comes back, what a checkpoint holds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { asyncSink, type AsyncSinkOptions } from '../../src/connect/async-sink.ts';
import { CongestionControl } from '../../src/connect/congestion-control.ts';
import { runSink, type SinkRun, type SinkSnapshot } from '../../src/testing/connector-harness.ts';
import { ManualClock } from '../../src/testing/manual-world.ts';
import { createRealWorld } from '../../src/world/real-world.ts';

/** A service whose answers the test gives. */
class Service {
  readonly asked: { readonly requests: readonly number[]; readonly signal: AbortSignal }[] = [];
  readonly #open: PromiseWithResolvers<readonly number[]>[] = [];
  readonly clock = new ManualClock();

  readonly submit = (requests: readonly number[], signal: AbortSignal): Promise<readonly number[]> => {
    this.asked.push({ requests, signal });
    const answer = Promise.withResolvers<readonly number[]>();
    this.#open.push(answer);
    return answer.promise;
  };

  get batches(): readonly (readonly number[])[] {
    return this.asked.map(({ requests }) => requests);
  }

  /** Answers the oldest batch that has no answer yet. */
  async answer(again: readonly number[] = []): Promise<void> {
    this.#open.shift()?.resolve(again);
    await settled();
  }

  async refuse(reason: string): Promise<void> {
    this.#open.shift()?.reject(new Error(reason));
    await settled();
  }

  run(options: Partial<AsyncSinkOptions<number, number>> = {}, restore?: SinkSnapshot): Promise<SinkRun<number>> {
    const sink = asyncSink<number>({ maxBatchSize: 2, submit: this.submit, ...options });
    const world = { ...createRealWorld(), clock: this.clock };
    return runSink(sink, { world, ...(restore === undefined ? {} : { restore }) });
  }

  async passes(milliseconds: number, run: SinkRun<number>): Promise<void> {
    this.clock.advanceTo(this.clock.now() + milliseconds);
    run.turn();
    await settled();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a batch goes when it is full', async () => {
  const service = new Service();
  const run = await service.run();
  for (let n = 1; n <= 3; n++) await run.write(n);
  assert.deepEqual(service.batches, [[1, 2]]);
});

test('a batch goes when its bytes are enough, and holds no more than that', async () => {
  const service = new Service();
  const run = await service.run({ maxBatchSize: 100, maxBatchSizeInBytes: 10, sizeInBytes: (n) => n });
  for (const n of [4, 5, 6, 1]) await run.write(n);
  assert.deepEqual(service.batches, [[4, 5]]);
  await run.write(3);
  assert.deepEqual(service.batches, [
    [4, 5],
    [6, 1, 3],
  ]);
});

test('a batch that does not fill goes when its time is over', async () => {
  const service = new Service();
  const run = await service.run({ maxTimeInBufferMs: 50 });
  await run.write(1);
  await service.passes(49, run);
  assert.deepEqual(service.batches, []);
  await service.passes(1, run);
  assert.deepEqual(service.batches, [[1]]);
});

test('what the service turns away is sent again, first, and fewer are under way from then on', async () => {
  const service = new Service();
  const run = await service.run({ maxBatchSize: 4 });
  for (let n = 1; n <= 8; n++) await run.write(n);
  assert.deepEqual(service.batches, [[1, 2, 3, 4]]);
  await service.answer([2, 4]);
  assert.deepEqual(service.batches.slice(1), [[2, 4]]);
  await service.answer();
  // The limit has risen from 2 to 12.
  assert.deepEqual(service.batches.slice(2), [[5, 6, 7, 8]]);
});

test('records wait while the buffer is full', async () => {
  const service = new Service();
  const run = await service.run({ maxInFlightRequests: 1, maxBufferedRequests: 3 });
  for (let n = 1; n <= 4; n++) await run.write(n);
  let written = false;
  const fifth = run.write(5).then(() => (written = true));
  await settled();
  assert.equal(written, false);
  await service.answer();
  await fifth;
  assert.deepEqual(service.batches, [
    [1, 2],
    [3, 4],
  ]);
});

test('a checkpoint waits for what is under way and holds the rest, which is sent after a restore', async () => {
  const service = new Service();
  const run = await service.run();
  for (let n = 1; n <= 3; n++) await run.write(n);
  let taken: SinkSnapshot | undefined;
  const checkpoint = run.checkpoint().then((snapshot) => (taken = snapshot));
  await settled();
  assert.equal(taken, undefined);
  await service.answer([1, 2]);
  const snapshot = await checkpoint;
  assert.deepEqual(snapshot.writers, [[1, 2, 3]]);
  // Once it is taken, the sink goes on: one at a time, because two came back.
  assert.deepEqual(service.batches, [[1, 2], [1]]);
  const other = new Service();
  const restored = await other.run({}, snapshot);
  const end = restored.finish();
  await settled();
  await other.answer();
  await other.answer();
  await other.answer();
  await end;
  assert.deepEqual(other.batches.flat(), [1, 2, 3]);
});

test('the end of the input waits until everything was taken', async () => {
  const service = new Service();
  const run = await service.run();
  await run.write(1);
  let ended = false;
  const end = run.finish().then(() => (ended = true));
  await settled();
  await service.answer([1]);
  assert.equal(ended, false);
  await service.answer();
  await end;
  assert.deepEqual(service.batches, [[1], [1]]);
});

test('a batch that is not answered in time is given up and sent again, and its late answer is not listened to', async () => {
  const service = new Service();
  const run = await service.run({ requestTimeoutMs: 100, maxTimeInBufferMs: 1_000 });
  await run.write(1);
  await run.write(2);
  await service.passes(100, run);
  assert.equal(service.asked[0]?.signal.aborted, true);
  // After what came back only one may be under way.
  assert.deepEqual(service.batches, [[1, 2], [1]]);
  await service.answer([1, 2]);
  assert.equal(service.batches.length, 2);
  await service.answer();
  await service.passes(1_000, run);
  assert.deepEqual(service.batches.slice(2), [[2]]);
});

test('a rejected batch fails the job with the reason and what to do', async () => {
  const service = new Service();
  const run = await service.run();
  await run.write(1);
  await run.write(2);
  await service.refuse('403 Forbidden');
  await assert.rejects(
    run.write(3),
    /SINK_FAILED.*async sink could not send 2 requests: 403 Forbidden.*resolve submit/,
  );
});

test('a request that is too large is refused by name', async () => {
  const run = await new Service().run({ name: 'events', sizeInBytes: () => 11, maxRecordSizeInBytes: 10 });
  await assert.rejects(run.write(1), /request of the events sink has 11 bytes.*maxRecordSizeInBytes of 10/);
});

test('limits that make no sense are refused', () => {
  const submit = async (): Promise<void> => {};
  assert.throws(() => asyncSink({ submit, maxBatchSize: 0 }), /OPTION_INVALID.*maxBatchSize/);
  assert.throws(() => asyncSink({ submit, maxBufferedRequests: 10 }), /a batch of 500 would never fill/);
});

test('whatever is turned away, and wherever checkpoints fall, every request is taken, and none is lost', async () => {
  const anyRun = fc.record({
    count: fc.integer({ min: 1, max: 40 }),
    refusals: fc.array(fc.boolean(), { maxLength: 60 }),
    checkpointAfter: fc.integer({ min: 1, max: 40 }),
    maxBatchSize: fc.integer({ min: 1, max: 7 }),
  });
  await fc.assert(
    fc.asyncProperty(anyRun, async ({ count, refusals, checkpointAfter, maxBatchSize }) => {
      const taken: number[] = [];
      let turn = 0;
      const sink = asyncSink<number>({
        maxBatchSize,
        maxBufferedRequests: 8,
        maxInFlightRequests: 2,
        submit: async (requests) => {
          await Promise.resolve();
          const again = requests.filter(() => refusals[turn++] === true);
          taken.push(...requests.filter((n) => !again.includes(n)));
          return again;
        },
      });
      let run = await runSink(sink);
      for (let n = 0; n < count; n++) {
        await run.write(n);
        if (n + 1 !== checkpointAfter) continue;
        const restore = await run.checkpoint();
        await run.close();
        run = await runSink(sink, { restore });
      }
      await run.finish();
      await run.close();
      assert.deepEqual(
        // What was sent on behind the checkpoint comes twice.
        [...new Set(taken)].toSorted((a, b) => a - b),
        Array.from({ length: count }, (_, n) => n),
      );
    }),
    { numRuns: 60 },
  );
});

test('the limit of what is under way rises slowly, falls fast, and stays within its bounds', () => {
  const control = new CongestionControl(100, 115);
  control.sent(100);
  assert.equal(control.room, 0);
  control.answered(100, 0);
  assert.equal(control.limit, 110);
  control.sent(1);
  control.answered(1, 0);
  assert.equal(control.limit, 115);
  for (const limit of [58, 29, 15, 8, 4, 2, 1, 1]) {
    control.sent(1);
    control.answered(1, 1);
    assert.equal(control.limit, limit);
  }
});
