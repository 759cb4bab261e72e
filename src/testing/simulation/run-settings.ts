/** The settings of a simulated run: the seed picks those that must make no difference to the result. */

import { DEFAULT_SETTINGS, type ExecutionSettings } from '../../graph/settings.ts';
import type { Milliseconds } from '../../base/world.ts';
import type { Simulation } from '../simulated-world.ts';

/** Everything of the cluster's own on the simulated disk. */
export const CLUSTER_FILES = '/millstream';

const CHECKPOINTS = `${CLUSTER_FILES}/checkpoints`;
const SAVEPOINTS = `${CLUSTER_FILES}/savepoints`;
const LOCAL_COPIES = `${CLUSTER_FILES}/local`;
const WORKING_FILES = `${CLUSTER_FILES}/working`;

/** Restarts are soon, or nothing would be left to disturb, but not before a crashed TaskManager is back. */
const RESTART_DELAY_MS: Milliseconds = 60;

/** Far more than the faults of a run can cause: a job that needs more fails by itself. */
const RESTARTS_MAX = 100;
const CHECKPOINT_TIMEOUT_MS: Milliseconds = 10_000;

/** How long a run is taken to be before one was made. */
const UNKNOWN_MS: Milliseconds = 1_000;

/** Checkpoints within the time that the undisturbed run took: more of them show nothing new. */
const CHECKPOINTS_MAX = 40;

/**
 * A seed of 0 is the run without faults: it may not restart, and its tasks are connected as they are by default.
 *
 * @param durationMs how long the run without faults took, once that is known.
 */
export function runSettings(
  simulation: Simulation,
  seed: number,
  durationMs: Milliseconds | undefined,
): Partial<ExecutionSettings> {
  const random = simulation.random('settings');
  const pick = <T>(...choices: readonly T[]): T => choices[Math.floor(random.next() * choices.length)] as T;
  return {
    restart: seed === 0 ? { kind: 'none' } : { kind: 'fixed-delay', attempts: RESTARTS_MAX, delayMs: RESTART_DELAY_MS },
    checkpoint: {
      ...DEFAULT_SETTINGS.checkpoint,
      intervalMs: Math.max(pick(1, 5, 20, 50), Math.ceil((durationMs ?? UNKNOWN_MS) / CHECKPOINTS_MAX)),
      minPauseMs: pick(0, 0, 10),
      maxConcurrent: pick(1, 1, 3),
      timeoutMs: CHECKPOINT_TIMEOUT_MS,
      tolerableFailures: Number.MAX_SAFE_INTEGER,
      unaligned: pick(false, true),
      alignedTimeoutMs: pick(0, 0, 2, 20),
      directory: CHECKPOINTS,
      savepointDirectory: SAVEPOINTS,
      retained: pick(1, 2, 3),
      externalizedRetention: 'retain-on-cancellation',
      inlineThresholdBytes: pick(0, 20 * 1024),
      compression: pick(false, false, true),
      localBackup: pick(false, true),
      localBackupDirectories: [LOCAL_COPIES],
    },
    ...(seed === 0
      ? {}
      : {
          localChannels: pick('direct', 'bytes', 'ring', 'network'),
          batchRows: pick(1, 7, 512),
          bufferTimeoutMs: pick(0, 5, 100),
          stateBackend: pick('memory', 'disk'),
          // The least there is.
          stateMemoryMegabytes: 1,
          stateDirectory: WORKING_FILES,
        }),
  };
}
