/** Which backend keeps the keyed state of an operator, and the memory that the operators of a slot share for it. */

import type { World } from '../base/world.ts';
import type { ExecutionSettings } from '../graph/settings.ts';
import { createDiskBackend, type DiskFigures } from '../state/disk/disk-backend.ts';
import { SlotMemory } from '../state/disk/slot-memory.ts';
import type { KeyedBackend } from '../state/keyed-backend.ts';
import { createMemoryBackend, type MemoryBackendSettings } from '../state/memory-backend.ts';
import type { OperatorMetricGroup } from './metrics.ts';

const MEGABYTE = 1024 * 1024;

/** What decides it. */
export type StateSettings = Pick<ExecutionSettings, 'stateBackend' | 'stateMemoryMegabytes' | 'stateDirectory'>;

/** The task that asks. */
export interface BackendOwner {
  readonly world: World;
  readonly jobId: string;
  readonly mode: 'streaming' | 'batch';
  /** Default: memory. */
  readonly state?: StateSettings;
}

/** By thread, which is one slot, and job. */
const memories = new WeakMap<World, Map<string, SlotMemory>>();

/** Sorted input has one key at a time, so BATCH mode keeps its state in memory. */
export function createKeyedBackend(
  { world, jobId, mode, state }: BackendOwner,
  settings: MemoryBackendSettings,
  metrics: OperatorMetricGroup,
): KeyedBackend {
  if (state?.stateBackend !== 'disk' || mode === 'batch') return createMemoryBackend(settings);
  const backend = createDiskBackend({
    ...settings,
    files: world.working,
    directory: state.stateDirectory,
    memory: slotMemory(world, jobId, state.stateMemoryMegabytes * MEGABYTE),
  });
  for (const figure of FIGURES) metrics.gauge(`state.${figure}`, () => backend.figures[figure]);
  return backend;
}

const FIGURES: readonly (keyof DiskFigures)[] = [
  'memoryUsed',
  'memoryMost',
  'memoryLimit',
  'operatorMemory',
  'indexBytes',
  'rowsInMemory',
  'hits',
  'misses',
  'fileBytes',
  'liveBytes',
  'bytesRead',
  'bytesWritten',
  'compactedBytes',
];

function slotMemory(world: World, jobId: string, limit: number): SlotMemory {
  let ofThread = memories.get(world);
  if (ofThread === undefined) {
    ofThread = new Map();
    memories.set(world, ofThread);
  }
  for (const [job, memory] of ofThread) if (memory.isIdle) ofThread.delete(job);
  let memory = ofThread.get(jobId);
  if (memory === undefined) {
    memory = new SlotMemory(limit, (needed) => {
      const megabytes = (bytes: number): string => (bytes / MEGABYTE).toFixed(1);
      world.print(
        `The state on disk of the job ${jobId} needs ${megabytes(needed)} MB of memory in this slot for its indexes, buffers and directories of timers alone, more than the ${megabytes(limit)} MB of \`stateMemoryMegabytes\`. Raise it, or the parallelism; until then every access reads from disk.`,
        'error',
      );
    });
    ofThread.set(jobId, memory);
  }
  return memory;
}
