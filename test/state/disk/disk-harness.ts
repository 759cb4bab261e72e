/** A disk backend over real files with a budget that the test chooses, and a clock, a schedule and a gate of its own. */
import type { WorkingFiles } from '../../../src/base/world.ts';
import { TypeRegistry } from '../../../src/data/type-registry.ts';
import type { KeyGroupRange } from '../../../src/data/key.ts';
import { createDiskBackend, type DiskBackend } from '../../../src/state/disk/disk-backend.ts';
import { SlotMemory } from '../../../src/state/disk/slot-memory.ts';
import type { RestoredState } from '../../../src/state/snapshot.ts';
import { REAL_WORKING_FILES } from '../../../src/world/working-files.ts';
import { ALL_GROUPS, FakeGate, FakeTime, MAX_PARALLELISM } from '../harness.ts';

export interface DiskHarness {
  readonly backend: DiskBackend;
  readonly memory: SlotMemory;
  readonly time: FakeTime;
  readonly gate: FakeGate;
}

export interface DiskHarnessOptions {
  readonly time?: FakeTime;
  readonly memory?: SlotMemory;
  /** The budget, where `memory` is not given. */
  readonly bytes?: number;
  readonly segmentBytes?: number;
  readonly pageBytes?: number;
  readonly files?: WorkingFiles;
  readonly keyGroups?: KeyGroupRange;
  readonly types?: TypeRegistry;
  readonly restored?: RestoredState;
}

export function diskHarness(options: DiskHarnessOptions = {}): DiskHarness {
  const { time = new FakeTime(), memory = new SlotMemory(options.bytes ?? 1 << 26) } = options;
  const gate = new FakeGate();
  const backend = createDiskBackend({
    maxParallelism: MAX_PARALLELISM,
    keyGroups: options.keyGroups ?? ALL_GROUPS,
    types: options.types ?? new TypeRegistry(),
    clock: () => time.now,
    gate,
    schedule: time.schedule,
    restored: options.restored,
    files: options.files ?? REAL_WORKING_FILES,
    directory: undefined,
    memory,
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    ...(options.pageBytes === undefined ? {} : { pageBytes: options.pageBytes }),
  });
  return { backend, memory, time, gate };
}
