/** The process that keeps the checkpoints is killed at every point, and another one goes on. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Storage, World } from '../../../src/base/world.ts';
import { JobStorage } from '../../../src/checkpoint/storage/job-storage.ts';
import { CheckpointStores } from '../../../src/checkpoint/storage/stores.ts';
import type { StateBytes } from '../../../src/state/snapshot.ts';
import { createSimulation, type Simulation } from '../../../src/testing/simulated-world.ts';
import { content, filesFor, OPTIONS, partsOf, stateOf, writeState } from './contents.ts';

const LAST = 5;
/** This one is given up when everything for it has been written. */
const DISCARDED = 3;
const SAVEPOINT = '/savepoints/s-1';
/** What must be found after a crash: all checkpoints at least up to here. */
interface Told {
  completed: number;
  savepoint: boolean;
  closed: boolean;
}

/** Files that are appended to are storages of their own, whose operations count. */
function counted(world: World, happens: () => Promise<void>): World {
  const wrap = <T extends object>(inner: T): T =>
    new Proxy(inner, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]): Promise<unknown> => {
          await happens();
          const result: unknown = await Reflect.apply(value, target, args);
          return name === 'openAppend' ? wrap(result as object) : result;
        };
      },
    });
  const storage: Storage = wrap(world.storage);
  return Object.assign(Object.create(world) as World, { storage });
}

/** One process: takes over what there is, and goes on to the last checkpoint and to the end of the job. */
async function live(world: World, told: Told): Promise<void> {
  const stores = new CheckpointStores(world);
  const storage = await JobStorage.open({ ...OPTIONS, retained: 2 }, world, stores);
  // What was completed, and its owner died before hearing so.
  told.completed = Math.max(told.completed, storage.latest?.id ?? 0);
  const closing = told.savepoint && storage.latest === undefined;
  const epoch = await storage.startAttempt();
  const files = filesFor(world, stores, epoch);
  await storage.sweep();
  if (closing) {
    await storage.close('cancelled');
    told.closed = true;
    return;
  }
  let parts: readonly StateBytes[] = storage.latest === undefined ? [] : partsOf(storage.latest.content);
  for (let n = (storage.latest?.id ?? 0) + 1; n <= LAST; n++) {
    storage.begin(n);
    // Two older parts are carried on: files are shared by up to three checkpoints.
    const next = [...parts.slice(-2), ...(await writeState(files, n))];
    if (n === DISCARDED) {
      await storage.discard(n, next);
      continue;
    }
    await storage.complete(content(n, epoch, next));
    told.completed = n;
    parts = next;
  }
  if (!told.savepoint) {
    const saved = await storage.completeSavepoint(
      { ...content(LAST + 1, epoch, parts), kind: 'savepoint' },
      `${SAVEPOINT}-${epoch}`,
    );
    assert.ok([...saved.files].every((file) => file.includes(SAVEPOINT)));
    told.savepoint = true;
  }
  await storage.close('cancelled');
  told.closed = true;
}

/** Everything that the storage says counts is there, whole, and nothing else is. */
async function check(simulation: Simulation, world: World, told: Told): Promise<void> {
  const stores = new CheckpointStores(world);
  const storage = await JobStorage.open({ ...OPTIONS, retained: 2 }, world, stores);
  if (told.completed === LAST && storage.completed.length === 0) {
    // The job has been closed, at least so far that nothing counts any more.
    assert.ok(told.savepoint);
    return;
  }
  const latest = storage.latest?.id ?? 0;
  const next = told.completed + 1 === DISCARDED ? DISCARDED + 1 : told.completed + 1;
  assert.ok(latest === told.completed || latest === next, `${told.completed} was completed, ${latest} was found`);
  const epoch = await storage.startAttempt();
  const files = filesFor(world, stores, epoch);
  for (const one of storage.completed) {
    const read = await files.read(partsOf(one.content));
    const ids = [one.id - 2, one.id - 1, one.id].filter((id) => id > 0);
    assert.equal(read.length, Math.min(3, one.id > DISCARDED ? one.id - 1 : one.id), ids.join(' '));
    assert.deepEqual(Buffer.from(read.at(-1) as Uint8Array), Buffer.from(stateOf(one.id)));
  }
  await storage.sweep();
  const there = simulation.disk.files().filter((path) => path.startsWith('/checkpoints/') && !path.includes('/epoch/'));
  const wanted = new Set(storage.completed.flatMap((one) => [`${one.directory}/_metadata`, ...one.files]));
  assert.deepEqual(there, Array.from(wanted, (url) => url.slice('file://'.length)).toSorted());
}

/** Lets `live` run until its `at`-th operation, dies there, and returns whether it came so far. */
async function liveUntil(simulation: Simulation, told: Told, at: number): Promise<boolean> {
  let operations = 0;
  let dead = false;
  const world = counted(simulation.world('manager'), async () => {
    operations++;
    if (dead || operations < at) return;
    const die = (): void => {
      dead = true;
      simulation.crash('manager');
    };
    // In the middle of the operation (or of one soon after), or before it.
    if (at % 2 === 0) return void (operations === at && simulation.after((at % 7) / 2, die));
    die();
    await new Promise(() => {});
  });
  let failure: { readonly error: unknown } | undefined;
  const living = live(world, told).catch((error: unknown) => {
    if (!dead) failure = { error };
  });
  let over = false;
  void living.then(() => {
    over = true;
  });
  await simulation.run(() => over || dead);
  if (failure !== undefined) throw failure.error;
  return dead;
}

test('whatever operation the process dies at, the next one finds the latest checkpoint whole, and leaves nothing', async () => {
  let at = 1;
  for (; ; at++) {
    const simulation = createSimulation(at);
    const told: Told = { completed: 0, savepoint: false, closed: false };
    const died = await liveUntil(simulation, told, at);
    await simulation.settle(check(simulation, simulation.world('checker'), told));
    // It goes on to the end, dying once more on the way.
    if (died && !told.closed && at % 3 === 0) {
      await liveUntil(simulation, told, 1 + ((at * 7) % 60));
      await simulation.settle(check(simulation, simulation.world('checker'), told));
      if (!told.closed) await liveUntil(simulation, told, Infinity);
      assert.deepEqual(
        simulation.disk.files().filter((path) => path.startsWith('/checkpoints/')),
        [],
      );
    }
    simulation.close();
    if (!died) break;
  }
  assert.ok(at > 120, `${at} operations`);
});
