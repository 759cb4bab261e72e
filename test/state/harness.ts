/** A memory backend with a clock, a schedule and a gate that the test drives. */
import type { TypeRegistry } from '../../src/data/type-registry.ts';
import { TypeRegistry as Types } from '../../src/data/type-registry.ts';
import type { Resumable } from '../../src/base/resumable.ts';
import type { KeyGroupRange } from '../../src/data/key.ts';
import type { KeyedBackend } from '../../src/state/keyed-backend.ts';
import { createMemoryBackend, type MemoryBackendSettings } from '../../src/state/memory-backend.ts';
import { KeyedSnapshots } from '../../src/state/keyed-snapshots.ts';
import { createSnapshotWriter, inlineBytes, redistribute, restoredState } from '../../src/state/snapshot-data.ts';
import type { OperatorSnapshot } from '../../src/state/snapshot.ts';
import type { TimerGate } from '../../src/state/timers.ts';
import type { ExpiredListener } from '../../src/state/ttl.ts';

export const MAX_PARALLELISM = 16;
export const ALL_GROUPS: KeyGroupRange = { start: 0, end: MAX_PARALLELISM - 1 };

/** Time stands still until it is moved; then what was scheduled is called, the earliest first. */
export class FakeTime {
  now = 1_000_000;
  readonly #calls: { readonly time: number; readonly callback: () => void }[] = [];

  get scheduled(): readonly number[] {
    return this.#calls.map((call) => call.time);
  }

  schedule = (time: number, callback: () => void): { cancel(): void } => {
    const call = { time, callback };
    this.#calls.push(call);
    return {
      cancel: () => {
        const at = this.#calls.indexOf(call);
        if (at >= 0) this.#calls.splice(at, 1);
      },
    };
  };

  advance(by: number): void {
    const end = this.now + by;
    for (;;) {
      const due = this.#calls.filter((call) => call.time <= end).toSorted((a, b) => a.time - b.time)[0];
      if (due === undefined) break;
      this.#calls.splice(this.#calls.indexOf(due), 1);
      this.now = Math.max(this.now, due.time);
      due.callback();
    }
    this.now = end;
  }
}

/** Lets `allowed` units of work pass, then stops everything until `resume` is called with a new allowance. */
export class FakeGate implements TimerGate {
  allowed = Infinity;
  readonly #paused: Resumable[] = [];

  proceed(): boolean {
    if (this.#paused.length > 0) return false;
    this.allowed--;
    return this.allowed > 0;
  }

  pause(work: Resumable): void {
    this.#paused.push(work);
  }

  get paused(): readonly Resumable[] {
    return this.#paused;
  }

  resume(allowed: number): void {
    this.allowed = allowed;
    const waiting = this.#paused.splice(0);
    for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) {
      work.resume();
      if (this.#paused.length > 0) {
        this.#paused.push(...waiting);
        return;
      }
    }
  }
}

export interface Harness {
  readonly backend: KeyedBackend;
  readonly time: FakeTime;
  readonly gate: FakeGate;
  readonly snapshots: KeyedSnapshots;
}

export interface HarnessOptions {
  readonly time?: FakeTime;
  readonly gate?: FakeGate;
  readonly types?: TypeRegistry;
  readonly keyGroups?: KeyGroupRange;
  readonly from?: readonly OperatorSnapshot[];
  readonly expired?: ExpiredListener;
}

/** Makes the backends of all harnesses from now on. */
let backendUnderTest: (settings: MemoryBackendSettings) => KeyedBackend = createMemoryBackend;

/** Lets the tests of this process run on another backend than the one in memory. */
export function testBackend(make: typeof backendUnderTest): void {
  backendUnderTest = make;
}

export function harness(options: HarnessOptions = {}): Harness {
  const { time = new FakeTime(), gate = new FakeGate(), types = new Types(), keyGroups = ALL_GROUPS } = options;
  const restored = options.from === undefined ? undefined : restoredState(options.from, types);
  const backend = backendUnderTest({
    maxParallelism: MAX_PARALLELISM,
    keyGroups,
    types,
    ...(options.expired === undefined ? {} : { expired: options.expired }),
    clock: () => time.now,
    gate,
    schedule: time.schedule,
    restored,
  });
  const [from] = options.from ?? [];
  const snapshots = new KeyedSnapshots({
    operatorId: 'operator-1',
    subtask: 0,
    types,
    files: undefined,
    restored: from,
    bytesOf: inlineBytes,
    claimed: true,
  });
  snapshots.add(backend);
  snapshotsOf.set(backend, snapshots);
  return { backend, time, gate, snapshots };
}

/** A backend and what its snapshots are made of. */
const snapshotsOf = new WeakMap<KeyedBackend, KeyedSnapshots>();

/** The whole of what a backend holds, as a savepoint has it. */
export function snapshotOf(backend: KeyedBackend, types: TypeRegistry = new Types()): OperatorSnapshot {
  const snapshots = snapshotsOf.get(backend) as KeyedSnapshots;
  const none = createSnapshotWriter(1, 'savepoint', 'operator-1', types).finish();
  const pending = snapshots.begin(1, 'savepoint', none);
  while (pending.advance(() => true) !== 'done');
  return pending.finishInMemory().snapshot;
}

/** What subtask `subtask` of `parallelism` restores from the snapshots of all. */
export function partFor(
  snapshots: readonly OperatorSnapshot[],
  parallelism: number,
  subtask: number,
): readonly OperatorSnapshot[] {
  return [redistribute(snapshots, MAX_PARALLELISM, parallelism, subtask)];
}
