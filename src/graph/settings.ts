/**
 * The settings of a job, complete and checked. `docs/guide/options.md` maps Flink's option keys to them; the table
 * {@link FLINK_OPTIONS} is the same mapping for `configure()`.
 */

import { MillstreamError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';

export type RuntimeMode = 'streaming' | 'batch' | 'automatic';

/** What happens after a failure that may be restarted from: Flink's restart strategies, times in milliseconds. */
export type RestartStrategy =
  | { readonly kind: 'none' }
  | { readonly kind: 'fixed-delay'; readonly attempts: number; readonly delayMs: number }
  | {
      readonly kind: 'failure-rate';
      readonly maxFailuresPerInterval: number;
      readonly intervalMs: number;
      readonly delayMs: number;
    }
  | {
      readonly kind: 'exponential-delay';
      readonly initialBackoffMs: number;
      readonly maxBackoffMs: number;
      readonly backoffMultiplier: number;
      readonly resetBackoffThresholdMs: number;
      readonly jitterFactor: number;
      readonly attemptsBeforeReset: number;
    };

/** When checkpoints are taken, and what is put up with. Flink's `execution.checkpointing.*`. */
export interface CheckpointSettings {
  /** Milliseconds between triggers; undefined turns periodic checkpoints off. */
  readonly intervalMs: number | undefined;
  readonly timeoutMs: number;
  readonly minPauseMs: number;
  readonly maxConcurrent: number;
  readonly tolerableFailures: number;
  readonly mode: 'exactly-once' | 'at-least-once';
  /** Whether barriers may overtake records, which then become part of the checkpoint. For `exactly-once` only. */
  readonly unaligned: boolean;
  /** Milliseconds after its trigger for which the barrier of an unaligned checkpoint keeps its place. 0: it never does. */
  readonly alignedTimeoutMs: number;
  /** Lets barriers overtake records of custom partitioners, whose channels are re-split by calling them again. */
  readonly forceUnaligned: boolean;
  /** Where state goes: `jobmanager` keeps it in its memory. Undefined: `filesystem` when there is a directory. */
  readonly storage: 'jobmanager' | 'filesystem' | undefined;
  /** Path or URL below which checkpoints go. */
  readonly directory: string | undefined;
  /** Path or URL below which savepoints go that name no place of their own. */
  readonly savepointDirectory: string | undefined;
  /** Completed checkpoints that are kept. */
  readonly retained: number;
  /** What becomes of them when the job is cancelled or fails. */
  readonly externalizedRetention: ExternalizedRetention;
  /** A state file of at most so many bytes becomes part of the metadata instead. */
  readonly inlineThresholdBytes: number;
  /** Whether state files are compressed (zstd). */
  readonly compression: boolean;
  /** Whether tasks keep copies of their state files on the machine that they run on, to restart from. */
  readonly localBackup: boolean;
  /** Paths of directories for these copies. */
  readonly localBackupDirectories: readonly string[];
}

/**
 * What becomes of the checkpoints of a job that does not run to its end. They are always removed when it does, and
 * always kept when it is to go on in another process. After a failure they are kept unless there are to be no
 * externalized ones, after a cancellation only with `retain-on-cancellation`.
 */
export type ExternalizedRetention = 'no-externalized-checkpoints' | 'delete-on-cancellation' | 'retain-on-cancellation';

/** All settings of a job, complete: what `env.set` takes parts of. */
export interface ExecutionSettings {
  readonly parallelism: number;
  /** Undefined: by the rule of `defaultMaxParallelism`. */
  readonly maxParallelism: number | undefined;
  readonly runtimeMode: RuntimeMode;
  readonly bufferTimeoutMs: number;
  readonly batchRows: number;
  readonly chaining: boolean;
  /** Whether operators without a uid get one by their place in the graph; `false` refuses such a job. */
  readonly autoGenerateUids: boolean;
  readonly autoWatermarkIntervalMs: number;
  /** Update intervals by which watermark alignment looks back before it stops a source or split; 0: not at all. */
  readonly alignmentBufferSize: number;
  /** Whether readers that cannot pause single splits may be aligned with several of them. */
  readonly allowUnalignedSplits: boolean;
  /** What functions find in `parameters` of their runtime context, below what the job is started with. Plain data. */
  readonly globalJobParameters: Readonly<Record<string, unknown>>;
  /** Paths or URLs of files that functions ask for by name; see `registerCachedFile`. */
  readonly cachedFiles: Readonly<Record<string, string>>;
  /** Path or URL of what the job starts from; that of the launch wins. Undefined: from nothing. */
  readonly fromSavepoint: string | undefined;
  /** Whose the savepoint is from then on; see `LaunchOptions`. */
  readonly claimMode: 'claim' | 'no-claim';
  /** Whether state of operators that the job no longer has is dropped instead of refused. */
  readonly allowNonRestoredState: boolean;
  readonly checkpoint: CheckpointSettings;
  /** Undefined: exponential delay when checkpoints are on, else none, as in Flink. */
  readonly restart: RestartStrategy | undefined;
  /** How often a committable of a sink may ask to be tried later before the job fails. */
  readonly committerRetries: number;
  /** Which channel connects tasks on the same thread: `bytes` encodes every batch, for tests. */
  readonly localChannels: 'direct' | 'bytes' | 'ring' | 'network';
  /** Detects values that are changed after they were emitted. Costs a serialisation per record; for tests. */
  readonly mutationCheck: boolean;
  /** Megabytes of JavaScript heap that each slot thread may use. */
  readonly slotHeapMegabytes: number;
  /** What slot sharing groups ask of their slots, by name; groups without an entry take any. */
  readonly slotSharingGroups: Readonly<Record<string, SlotResources>>;
  /** Where keyed state lives: as objects in memory, or on disk with as much in memory as the budget allows. */
  readonly stateBackend: 'memory' | 'disk';
  /** Megabytes of memory that all state on disk of one slot may take together: indexes, buffers, what is cached. */
  readonly stateMemoryMegabytes: number;
  /** Directory for the working files of state on disk. Undefined: where the system keeps temporary files. */
  readonly stateDirectory: string | undefined;
  /** Megabytes that sorting in BATCH mode may hold in memory per operator before it spills. */
  readonly sortMemoryMegabytes: number;
}

/** What every slot of a slot sharing group must offer. */
export interface SlotResources {
  /** Processor cores. A slot is one thread, so at most 1. */
  readonly cpuCores?: number;
  /** Megabytes of JavaScript heap. */
  readonly heapMegabytes?: number;
}

/** Some of the settings; of those of checkpoints, too, only what is named changes. */
export type SettingsPart = Partial<Omit<ExecutionSettings, 'checkpoint'>> & {
  readonly checkpoint?: Partial<CheckpointSettings>;
};

/** The settings with a part of them changed. */
export function withSettings(settings: ExecutionSettings, part: SettingsPart): ExecutionSettings {
  return { ...settings, ...part, checkpoint: { ...settings.checkpoint, ...part.checkpoint } };
}

/**
 * The settings of a job that sets none.
 *
 * @example
 * ```ts
 * console.log(DEFAULT_SETTINGS.bufferTimeoutMs);
 * ```
 */
export const DEFAULT_SETTINGS: ExecutionSettings = Object.freeze({
  parallelism: 1,
  maxParallelism: undefined,
  runtimeMode: 'streaming',
  bufferTimeoutMs: 5,
  batchRows: 512,
  chaining: true,
  autoGenerateUids: true,
  autoWatermarkIntervalMs: 200,
  alignmentBufferSize: 3,
  allowUnalignedSplits: false,
  globalJobParameters: Object.freeze({}),
  cachedFiles: Object.freeze({}),
  fromSavepoint: undefined,
  claimMode: 'no-claim',
  allowNonRestoredState: false,
  checkpoint: Object.freeze({
    intervalMs: undefined,
    timeoutMs: 600_000,
    minPauseMs: 0,
    maxConcurrent: 1,
    tolerableFailures: 0,
    mode: 'exactly-once',
    unaligned: false,
    alignedTimeoutMs: 0,
    forceUnaligned: false,
    storage: undefined,
    directory: undefined,
    savepointDirectory: undefined,
    retained: 1,
    externalizedRetention: 'no-externalized-checkpoints',
    inlineThresholdBytes: 20 * 1024,
    compression: false,
    localBackup: false,
    localBackupDirectories: Object.freeze([]),
  }),
  restart: undefined,
  committerRetries: 10,
  localChannels: 'direct',
  mutationCheck: false,
  slotHeapMegabytes: 4096,
  slotSharingGroups: Object.freeze({}),
  stateBackend: 'memory',
  stateMemoryMegabytes: 256,
  stateDirectory: undefined,
  sortMemoryMegabytes: 64,
});

/**
 * Flink's default restart strategy where checkpoints are on: delays from 1 s to 60 s that grow by half, without end.
 *
 * @example
 * ```ts
 * const env = createEnvironment();
 * env.setRestartStrategy({ ...EXPONENTIAL_DELAY, maxBackoffMs: 10_000 });
 * ```
 */
export const EXPONENTIAL_DELAY: Extract<RestartStrategy, { kind: 'exponential-delay' }> = Object.freeze({
  kind: 'exponential-delay',
  initialBackoffMs: 1_000,
  maxBackoffMs: 60_000,
  backoffMultiplier: 1.5,
  resetBackoffThresholdMs: 3_600_000,
  jitterFactor: 0.1,
  attemptsBeforeReset: Number.MAX_SAFE_INTEGER,
});

/** The strategy that is in force when none was set. */
export function effectiveRestart(settings: ExecutionSettings): RestartStrategy {
  return settings.restart ?? (settings.checkpoint.intervalMs === undefined ? { kind: 'none' } : EXPONENTIAL_DELAY);
}

/** More update intervals than anybody would wait for, and few enough to keep for every split. */
const ALIGNMENT_BUFFER_MAX = 1_000;

/** Throws OPTION_INVALID that names the first option out of its range. */
export function checkSettings(settings: ExecutionSettings): ExecutionSettings {
  const whole = (name: string, value: number, min: number, max: number): void => {
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new MillstreamError(
        'OPTION_INVALID',
        `${name} must be a whole number from ${min} to ${max}, but is ${value}.`,
        { details: { option: name } },
      );
    }
  };
  checkNames('', settings, DEFAULT_SETTINGS);
  checkNames('checkpoint.', settings.checkpoint, DEFAULT_SETTINGS.checkpoint);
  whole('parallelism', settings.parallelism, 1, 32_768);
  if (settings.maxParallelism !== undefined) whole('maxParallelism', settings.maxParallelism, 1, 32_768);
  whole('bufferTimeoutMs', settings.bufferTimeoutMs, -1, 3_600_000);
  whole('batchRows', settings.batchRows, 1, 65_536);
  whole('autoWatermarkIntervalMs', settings.autoWatermarkIntervalMs, 0, 3_600_000);
  whole('alignmentBufferSize', settings.alignmentBufferSize, 0, ALIGNMENT_BUFFER_MAX);
  if (settings.checkpoint.intervalMs !== undefined)
    whole('checkpoint.intervalMs', settings.checkpoint.intervalMs, 1, 86_400_000);
  whole('checkpoint.timeoutMs', settings.checkpoint.timeoutMs, 1, 86_400_000);
  whole('checkpoint.alignedTimeoutMs', settings.checkpoint.alignedTimeoutMs, 0, 86_400_000);
  whole('checkpoint.minPauseMs', settings.checkpoint.minPauseMs, 0, 86_400_000);
  whole('checkpoint.maxConcurrent', settings.checkpoint.maxConcurrent, 1, Number.MAX_SAFE_INTEGER);
  whole('checkpoint.tolerableFailures', settings.checkpoint.tolerableFailures, 0, Number.MAX_SAFE_INTEGER);
  whole('checkpoint.retained', settings.checkpoint.retained, 1, 1_000_000);
  whole('checkpoint.inlineThresholdBytes', settings.checkpoint.inlineThresholdBytes, 0, 1_048_576);
  checkStorage(settings.checkpoint);
  whole('committerRetries', settings.committerRetries, 0, Number.MAX_SAFE_INTEGER);
  whole('slotHeapMegabytes', settings.slotHeapMegabytes, 32, 1_048_576);
  for (const [group, resources] of Object.entries(settings.slotSharingGroups)) checkResources(group, resources, whole);
  whole('stateMemoryMegabytes', settings.stateMemoryMegabytes, 1, 1_048_576);
  whole('sortMemoryMegabytes', settings.sortMemoryMegabytes, 1, 1_048_576);
  return settings;
}

/** A name that is misspelt would leave its setting as it is, unseen. */
function checkNames(prefix: string, settings: object, known: object): void {
  const names = Object.keys(known);
  const name = Object.keys(settings).find((one) => !names.includes(one));
  if (name === undefined) return;
  const near = nearest(name, names);
  const hint = near === undefined ? `Known: ${names.join(', ')}.` : `Did you mean ${prefix}${near}?`;
  throw new MillstreamError('OPTION_INVALID', `There is no setting ${prefix}${name}. ${hint}`, {
    details: { option: `${prefix}${name}` },
  });
}

function checkResources(
  group: string,
  { cpuCores, heapMegabytes }: SlotResources,
  whole: (name: string, value: number, min: number, max: number) => void,
): void {
  const option = `slotSharingGroups.${group}`;
  if (heapMegabytes !== undefined) whole(`${option}.heapMegabytes`, heapMegabytes, 1, 1_048_576);
  if (cpuCores !== undefined && !(cpuCores > 0 && cpuCores <= 1))
    throw new MillstreamError(
      'OPTION_INVALID',
      `${option}.cpuCores must be above 0 and at most 1, but is ${cpuCores}: a slot is one thread. Raise the parallelism of the group's operators to use more cores.`,
      { details: { option } },
    );
}

function checkStorage({ storage, directory, localBackup, localBackupDirectories }: CheckpointSettings): void {
  if (storage === 'filesystem' && directory === undefined)
    throw new MillstreamError(
      'OPTION_INVALID',
      'checkpoint.storage is "filesystem", but checkpoint.directory names no place for the checkpoints.',
      { details: { option: 'checkpoint.directory' } },
    );
  if (localBackup && localBackupDirectories.length === 0)
    throw new MillstreamError(
      'OPTION_INVALID',
      'checkpoint.localBackup is on, but checkpoint.localBackupDirectories names no directory for the copies.',
      { details: { option: 'checkpoint.localBackupDirectories' } },
    );
}

/** Where checkpoints go; undefined keeps them in the memory of the JobManager. */
export function checkpointDirectory({ storage, directory }: CheckpointSettings): string | undefined {
  return storage === 'jobmanager' ? undefined : directory;
}
