import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ring } from '../../src/base/doorbell.ts';
import type { Thread, ThreadExit } from '../../src/base/world.ts';
import { RealDoorbell } from '../../src/world/doorbell.ts';
import { createRealWorld } from '../../src/world/real-world.ts';
import { threadHost } from '../../src/world/thread-host.ts';

const { threads } = createRealWorld();

function spawn(
  body: string,
  options: { readonly argument?: unknown; readonly heapMegabytesMax?: number } = {},
): Thread {
  return threads.spawn({
    name: body,
    entry: new URL('./thread-body.ts', import.meta.url),
    input: { body, argument: options.argument },
    heapMegabytesMax: options.heapMegabytesMax ?? 128,
  });
}

const exitOf = (thread: Thread): Promise<ThreadExit> => new Promise((resolve) => thread.onExit(resolve));
const messageOf = (thread: Thread): Promise<unknown> => new Promise((resolve) => thread.onMessage(resolve));

test('a thread is given its input and exchanges messages, with shared memory in them', async () => {
  const thread = spawn('echo');
  const shared = new SharedArrayBuffer(8);
  const answer = messageOf(thread);
  thread.post({ text: 'hello', shared });
  const message = (await answer) as { text: string; shared: SharedArrayBuffer };
  assert.equal(message.text, 'hello');
  new Uint8Array(shared)[0] = 42;
  assert.equal(new Uint8Array(message.shared)[0], 42);
  const exit = exitOf(thread);
  await thread.terminate();
  assert.deepEqual(await exit, { outOfMemory: false, error: undefined });
});

test('a busy thread takes its messages without its event loop, in order', async () => {
  const thread = spawn('poll');
  const sum = messageOf(thread);
  for (let number = 1; number <= 100; number++) thread.post(number);
  thread.post('end');
  assert.equal(await sum, 5050);
  assert.deepEqual(await exitOf(thread), { outOfMemory: false, error: undefined });
});

test('a thread that throws or exits tells why, also to who asks later', async () => {
  const throwing = spawn('throw');
  const thrown = await exitOf(throwing);
  assert.equal(thrown.outOfMemory, false);
  assert.match(String(thrown.error), /thrown on purpose/);
  assert.deepEqual(await exitOf(throwing), thrown);
  const exited = await exitOf(spawn('exit'));
  assert.match(exited.error?.message ?? '', /exit ended itself with exit code 7/);
});

test('a thread in an endless loop can be ended', async () => {
  const thread = spawn('loop');
  assert.equal(await messageOf(thread), 'looping');
  await thread.terminate();
  assert.deepEqual(await exitOf(thread), { outOfMemory: false, error: undefined });
});

test('a thread out of heap ends alone, also when what it grows is one large table', async () => {
  for (const body of ['leakTable', 'leakArray']) {
    const exit = await exitOf(spawn(body, { heapMegabytesMax: 48 }));
    assert.equal(exit.outOfMemory, true, body);
    assert.match(exit.error?.message ?? '', /heap/);
  }
});

test('garbage does not count against the heap of a thread', async () => {
  const thread = spawn('churn', { heapMegabytesMax: 48 });
  const exit = exitOf(thread);
  assert.equal(await messageOf(thread), 20_000);
  assert.deepEqual(await exit, { outOfMemory: false, error: undefined });
});

test('the young objects of a thread with a small heap take a part of it, not as much again', async () => {
  const thread = spawn('youth', { heapMegabytesMax: 128 });
  const exit = exitOf(thread);
  const megabytes = (await messageOf(thread)) as number;
  assert.ok(megabytes <= 64, `${megabytes} MB`);
  await exit;
});

test('the main thread has no host', () => {
  assert.throws(() => threadHost(), { code: 'INTERNAL_INVARIANT' });
});

test('a doorbell that was rung before is answered at once, and once', async () => {
  const bell = new RealDoorbell();
  ring(bell.cell);
  ring(bell.cell);
  await bell.wait(1_000_000);
  let woken = false;
  const waiting = bell.wait(1_000_000).then(() => (woken = true));
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(woken, false);
  ring(bell.cell);
  await waiting;
});

test('waiting at a doorbell ends when its time is over, and several may wait', async () => {
  const bell = new RealDoorbell();
  await bell.wait(1);
  await bell.wait(0);
  const both = Promise.all([bell.wait(1_000_000), bell.wait(2 ** 50)]);
  ring(bell.cell);
  await both;
});

test('no ring of another thread is lost', async () => {
  const bell = new RealDoorbell();
  const counter = new Int32Array(new SharedArrayBuffer(4));
  const count = 200_000;
  const thread = spawn('ringer', { argument: { counter, cell: bell.cell, count } });
  const exit = exitOf(thread);
  // A lost ring would leave this waiting for its whole time.
  while (Atomics.load(counter, 0) < count) await bell.wait(1_000_000);
  assert.equal((await exit).error, undefined);
});
