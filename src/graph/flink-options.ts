/**
 * Flink's option keys and the typed settings they stand for: the one table behind `configure()` and
 * `docs/guide/options.md`.
 *
 * Values may be what Flink's configuration files hold (text such as `200 ms` or `EXACTLY_ONCE`) or what a program would
 * write (200, true).
 */

import { MillstreamError } from '../base/error.ts';
import { closest } from '../base/nearest.ts';
import {
  EXPONENTIAL_DELAY,
  type CheckpointSettings,
  type ExecutionSettings,
  type RestartStrategy,
} from './settings.ts';
import {
  anyNumber,
  durationMs,
  invalidOption,
  megabytes,
  memoryBytes,
  pairs,
  place,
  places,
  truth,
  wholeNumber,
  word,
} from './option-values.ts';

/** What options change: the settings, and the name under which a job runs when `execute` gives none. */
export interface Configuration {
  readonly settings: ExecutionSettings;
  readonly jobName: string | undefined;
  /** Restart options by their keys: what they mean depends on `restart-strategy.type`, whenever that is set. */
  readonly restart: Readonly<Record<string, unknown>>;
}

/** One of Flink's keys: what it sets, and how. */
export interface FlinkOption {
  /** The typed option that says the same. */
  readonly setting: string;
  /** What values look like, for people. */
  readonly type: string;
  readonly meaning: string;
  readonly apply: (to: Configuration, value: unknown, key: string) => Configuration;
}

/** Flink's names of state backends, and ours. */
const STATE_BACKENDS = { hashmap: 'memory', rocksdb: 'disk', memory: 'memory', disk: 'disk' } as const;

function settings(part: (value: unknown, key: string) => Partial<ExecutionSettings>): FlinkOption['apply'] {
  return (to, value, key) => ({ ...to, settings: { ...to.settings, ...part(value, key) } });
}

function checkpoint(part: (value: unknown, key: string) => Partial<CheckpointSettings>): FlinkOption['apply'] {
  return (to, value, key) => ({
    ...to,
    settings: { ...to.settings, checkpoint: { ...to.settings.checkpoint, ...part(value, key) } },
  });
}

/** An object of paths by name, or what Flink writes. */
function cachedFiles(value: unknown, option: string): Readonly<Record<string, string>> {
  const files =
    typeof value === 'string'
      ? value.split(';').map((file) => {
          const { name, path } = pairs(file, option);
          return [place(name, option), place(path, option)] as const;
        })
      : Object.entries(pairs(value, option)).map(([name, path]) => [name, place(path, option)] as const);
  return Object.fromEntries(files);
}

/** Restart options are kept and read together, because the strategy may be named last. */
function restart(check: (value: unknown, key: string) => unknown): FlinkOption['apply'] {
  return (to, value, key) => {
    const options = { ...to.restart, [key]: check(value, key) };
    const strategy = restartStrategy(options);
    return { ...to, restart: options, settings: { ...to.settings, restart: strategy ?? to.settings.restart } };
  };
}

const STORAGES = ['jobmanager', 'filesystem'] as const;

const RESTART_TYPES = ['disable', 'off', 'none', 'fixed-delay', 'failure-rate', 'exponential-delay'] as const;

/** Flink's defaults. */
const FIXED_DELAY = { attempts: 1, delayMs: 1_000 };
const FAILURE_RATE = { maxFailuresPerInterval: 1, intervalMs: 60_000, delayMs: 1_000 };

const EXPONENTIAL = EXPONENTIAL_DELAY;

function restartStrategy(options: Readonly<Record<string, unknown>>): RestartStrategy | undefined {
  const option = (name: string, fallback: number): number =>
    (options[`restart-strategy.${name}`] as number | undefined) ?? fallback;
  switch (options['restart-strategy.type'] as (typeof RESTART_TYPES)[number] | undefined) {
    case undefined:
      return undefined;
    case 'disable':
    case 'off':
    case 'none':
      return { kind: 'none' };
    case 'fixed-delay':
      return {
        kind: 'fixed-delay',
        attempts: option('fixed-delay.attempts', FIXED_DELAY.attempts),
        delayMs: option('fixed-delay.delay', FIXED_DELAY.delayMs),
      };
    case 'failure-rate':
      return {
        kind: 'failure-rate',
        maxFailuresPerInterval: option('failure-rate.max-failures-per-interval', FAILURE_RATE.maxFailuresPerInterval),
        intervalMs: option('failure-rate.failure-rate-interval', FAILURE_RATE.intervalMs),
        delayMs: option('failure-rate.delay', FAILURE_RATE.delayMs),
      };
    case 'exponential-delay':
      return {
        kind: 'exponential-delay',
        initialBackoffMs: option('exponential-delay.initial-backoff', EXPONENTIAL.initialBackoffMs),
        maxBackoffMs: option('exponential-delay.max-backoff', EXPONENTIAL.maxBackoffMs),
        backoffMultiplier: option('exponential-delay.backoff-multiplier', EXPONENTIAL.backoffMultiplier),
        resetBackoffThresholdMs: option(
          'exponential-delay.reset-backoff-threshold',
          EXPONENTIAL.resetBackoffThresholdMs,
        ),
        jitterFactor: option('exponential-delay.jitter-factor', EXPONENTIAL.jitterFactor),
        attemptsBeforeReset: option('exponential-delay.attempts-before-reset-backoff', EXPONENTIAL.attemptsBeforeReset),
      };
  }
}

/**
 * Every key that `configure()` knows.
 *
 * @example
 * ```ts
 * for (const [key, { setting, type }] of Object.entries(FLINK_OPTIONS)) console.log(key, setting, type);
 * ```
 */
export const FLINK_OPTIONS: Readonly<Record<string, FlinkOption>> = Object.freeze({
  'pipeline.name': {
    setting: 'the name given to `execute`',
    type: 'text',
    meaning: 'Name of the job when `execute` gives none.',
    apply: (to, value) => ({ ...to, jobName: String(value) }),
  },
  'parallelism.default': {
    setting: 'parallelism',
    type: 'whole number',
    meaning: 'Subtasks of each operator that sets no parallelism of its own.',
    apply: settings((value, key) => ({ parallelism: wholeNumber(value, key) })),
  },
  'pipeline.max-parallelism': {
    setting: 'maxParallelism',
    type: 'whole number; -1 for none',
    meaning: 'Key groups of keyed operators, and so the bound of later parallelisms.',
    apply: settings((value, key) => ({
      maxParallelism: wholeNumber(value, key) === -1 ? undefined : wholeNumber(value, key),
    })),
  },
  'execution.runtime-mode': {
    setting: 'runtimeMode',
    type: 'STREAMING, BATCH or AUTOMATIC',
    meaning:
      'Whether keyed operators wait for the end of a bounded input. AUTOMATIC is BATCH when all sources are bounded.',
    apply: settings((value, key) => ({ runtimeMode: word(value, key, ['streaming', 'batch', 'automatic']) })),
  },
  'execution.buffer-timeout.enabled': {
    setting: 'bufferTimeoutMs',
    type: 'true or false',
    meaning: 'Whether part-filled batches leave before they are full; `false` is a timeout of -1.',
    apply: (to, value, key) => (truth(value, key) ? to : { ...to, settings: { ...to.settings, bufferTimeoutMs: -1 } }),
  },
  'execution.buffer-timeout.interval': {
    setting: 'bufferTimeoutMs',
    type: 'duration',
    meaning: 'How long a part-filled batch may wait while its task is busy.',
    apply: settings((value, key) => ({ bufferTimeoutMs: durationMs(value, key) })),
  },
  'pipeline.operator-chaining.enabled': {
    setting: 'chaining',
    type: 'true or false',
    meaning: 'Whether operators share a task where they can.',
    apply: settings((value, key) => ({ chaining: truth(value, key) })),
  },
  'pipeline.auto-generate-uids': {
    setting: 'autoGenerateUids',
    type: 'true or false',
    meaning: 'Whether operators without a uid get one by their place in the graph; `false` refuses such a job.',
    apply: settings((value, key) => ({ autoGenerateUids: truth(value, key) })),
  },
  'pipeline.object-reuse': {
    setting: 'always on',
    type: 'true',
    meaning:
      'Values pass by reference between operators of one thread; `mutationCheck` finds those that change them. `false` is refused.',
    apply: (to, value, key) => {
      if (!truth(value, key))
        throw invalidOption(
          key,
          'true: values are never copied between operators of one thread, mutationCheck finds who changes them',
          value,
        );
      return to;
    },
  },
  'pipeline.auto-watermark-interval': {
    setting: 'autoWatermarkIntervalMs',
    type: 'duration; 0 turns periodic watermarks off',
    meaning: 'Time between two watermarks of a source.',
    apply: settings((value, key) => ({ autoWatermarkIntervalMs: durationMs(value, key) })),
  },
  'pipeline.watermark-alignment.buffer-size': {
    setting: 'alignmentBufferSize',
    type: 'whole number',
    meaning:
      'Update intervals by which watermark alignment looks back before it stops a source or split. Default 3; 0 stops it at once.',
    apply: settings((value, key) => ({ alignmentBufferSize: wholeNumber(value, key) })),
  },
  'pipeline.watermark-alignment.allow-unaligned-source-splits': {
    setting: 'allowUnalignedSplits',
    type: 'true or false',
    meaning:
      'Whether a reader that cannot pause single splits may take part in watermark alignment with several; it then stops as a whole.',
    apply: settings((value, key) => ({ allowUnalignedSplits: truth(value, key) })),
  },
  'pipeline.global-job-parameters': {
    setting: 'globalJobParameters',
    type: 'pairs, such as `host:web-1,mode:test`',
    meaning: 'Parameters that functions read from their runtime context; those that the job is started with win.',
    apply: settings((value, key) => ({ globalJobParameters: pairs(value, key) })),
  },
  'pipeline.cached-files': {
    setting: 'cachedFiles',
    type: 'such as `name:model,path:/data/model.bin;name:words,path:s3://bucket/words`',
    meaning: 'Files that functions ask their runtime context for, by name.',
    apply: settings((value, key) => ({ cachedFiles: cachedFiles(value, key) })),
  },
  'execution.state-recovery.path': {
    setting: 'fromSavepoint',
    type: 'path or URL',
    meaning: 'The savepoint or retained checkpoint that the job starts from.',
    apply: settings((value, key) => ({ fromSavepoint: place(value, key) })),
  },
  'execution.state-recovery.claim-mode': {
    setting: 'claimMode',
    type: 'CLAIM or NO_CLAIM',
    meaning: 'Whose that savepoint is from then on. Default NO_CLAIM: it is left alone.',
    apply: settings((value, key) => ({ claimMode: word(value, key, ['claim', 'no-claim']) })),
  },
  'execution.state-recovery.ignore-unclaimed-state': {
    setting: 'allowNonRestoredState',
    type: 'true or false',
    meaning: 'Whether state of operators that the job no longer has is dropped; otherwise it is refused.',
    apply: settings((value, key) => ({ allowNonRestoredState: truth(value, key) })),
  },
  'execution.sorted-inputs.memory': {
    setting: 'sortMemoryMegabytes',
    type: 'memory size',
    meaning: 'Memory that an operator of BATCH mode sorts in before it spills to disk. Default 64 mb.',
    apply: settings((value, key) => ({ sortMemoryMegabytes: megabytes(value, key) })),
  },
  'taskmanager.memory.task.heap.size': {
    setting: 'slotHeapMegabytes',
    type: 'memory size',
    meaning: 'JavaScript heap that each slot thread may use. Default 4096 mb.',
    apply: settings((value, key) => ({ slotHeapMegabytes: megabytes(value, key) })),
  },
  'sink.committer.retries': {
    setting: 'committerRetries',
    type: 'whole number',
    meaning: 'How often a committable of a sink may ask to be tried later before the job fails.',
    apply: settings((value, key) => ({ committerRetries: wholeNumber(value, key) })),
  },
  'execution.checkpointing.interval': {
    setting: 'checkpoint.intervalMs',
    type: 'duration',
    meaning: 'Time between two checkpoints; without it there are none.',
    apply: checkpoint((value, key) => ({ intervalMs: durationMs(value, key) })),
  },
  'execution.checkpointing.timeout': {
    setting: 'checkpoint.timeoutMs',
    type: 'duration',
    meaning: 'A checkpoint that takes longer is given up.',
    apply: checkpoint((value, key) => ({ timeoutMs: durationMs(value, key) })),
  },
  'execution.checkpointing.min-pause': {
    setting: 'checkpoint.minPauseMs',
    type: 'duration',
    meaning: 'Least time between the end of a checkpoint and the beginning of the next.',
    apply: checkpoint((value, key) => ({ minPauseMs: durationMs(value, key) })),
  },
  'execution.checkpointing.max-concurrent-checkpoints': {
    setting: 'checkpoint.maxConcurrent',
    type: 'whole number',
    meaning: 'Checkpoints that may be under way at once.',
    apply: checkpoint((value, key) => ({ maxConcurrent: wholeNumber(value, key) })),
  },
  'execution.checkpointing.tolerable-failed-checkpoints': {
    setting: 'checkpoint.tolerableFailures',
    type: 'whole number',
    meaning: 'Checkpoints that may fail one after the other before the job does.',
    apply: checkpoint((value, key) => ({ tolerableFailures: wholeNumber(value, key) })),
  },
  'execution.checkpointing.mode': {
    setting: 'checkpoint.mode',
    type: 'EXACTLY_ONCE or AT_LEAST_ONCE',
    meaning: 'Whether barriers are aligned.',
    apply: checkpoint((value, key) => ({ mode: word(value, key, ['exactly-once', 'at-least-once']) })),
  },
  'execution.checkpointing.unaligned.enabled': {
    setting: 'checkpoint.unaligned',
    type: 'true or false',
    meaning:
      'Whether barriers may overtake records, which then become part of the checkpoint. With AT_LEAST_ONCE it means nothing.',
    apply: checkpoint((value, key) => ({ unaligned: truth(value, key) })),
  },
  'execution.checkpointing.aligned-checkpoint-timeout': {
    setting: 'checkpoint.alignedTimeoutMs',
    type: 'duration',
    meaning: 'How long the barrier of an unaligned checkpoint keeps its place before it overtakes. Default 0.',
    apply: checkpoint((value, key) => ({ alignedTimeoutMs: durationMs(value, key) })),
  },
  'execution.checkpointing.unaligned.forced': {
    setting: 'checkpoint.forceUnaligned',
    type: 'true or false',
    meaning:
      'Lets barriers overtake records of custom partitioners too; when the parallelism changes these are called again.',
    apply: checkpoint((value, key) => ({ forceUnaligned: truth(value, key) })),
  },
  'execution.checkpointing.storage': {
    setting: 'checkpoint.storage',
    type: 'jobmanager or filesystem',
    meaning:
      'Where checkpoints go. Without it: to the directory, when one is named, else into the memory of the JobManager.',
    apply: checkpoint((value, key) => ({ storage: word(value, key, STORAGES) })),
  },
  'execution.checkpointing.dir': {
    setting: 'checkpoint.directory',
    type: 'path or URL',
    meaning: 'Below it every job has a directory with its checkpoints.',
    apply: checkpoint((value, key) => ({ directory: place(value, key) })),
  },
  'execution.checkpointing.savepoint-dir': {
    setting: 'checkpoint.savepointDirectory',
    type: 'path or URL',
    meaning: 'Below it go savepoints that name no place of their own.',
    apply: checkpoint((value, key) => ({ savepointDirectory: place(value, key) })),
  },
  'execution.checkpointing.num-retained': {
    setting: 'checkpoint.retained',
    type: 'whole number',
    meaning: 'Completed checkpoints that are kept. Default 1.',
    apply: checkpoint((value, key) => ({ retained: wholeNumber(value, key) })),
  },
  'execution.checkpointing.externalized-checkpoint-retention': {
    setting: 'checkpoint.externalizedRetention',
    type: 'NO_EXTERNALIZED_CHECKPOINTS, DELETE_ON_CANCELLATION or RETAIN_ON_CANCELLATION',
    meaning: 'Whether checkpoints stay when the job fails (the latter two) and when it is cancelled (the last).',
    apply: checkpoint((value, key) => ({
      externalizedRetention: word(value, key, [
        'no-externalized-checkpoints',
        'delete-on-cancellation',
        'retain-on-cancellation',
      ]),
    })),
  },
  'execution.checkpointing.data-inline-threshold': {
    setting: 'checkpoint.inlineThresholdBytes',
    type: 'memory size',
    meaning: 'State of a task up to this size goes into the metadata, instead of a file. Default 20 kb, at most 1 mb.',
    apply: checkpoint((value, key) => ({ inlineThresholdBytes: memoryBytes(value, key) })),
  },
  'execution.checkpointing.snapshot-compression': {
    setting: 'checkpoint.compression',
    type: 'true or false',
    meaning: 'Whether state files are compressed, with zstd.',
    apply: checkpoint((value, key) => ({ compression: truth(value, key) })),
  },
  'execution.checkpointing.local-backup.enabled': {
    setting: 'checkpoint.localBackup',
    type: 'true or false',
    meaning: 'Whether tasks keep copies of their state files on their machine, to restart from.',
    apply: checkpoint((value, key) => ({ localBackup: truth(value, key) })),
  },
  'execution.checkpointing.local-backup.dirs': {
    setting: 'checkpoint.localBackupDirectories',
    type: 'paths with commas between',
    meaning: 'Directories for these copies.',
    apply: checkpoint((value, key) => ({ localBackupDirectories: places(value, key) })),
  },
  'state.backend.type': {
    setting: 'stateBackend',
    type: 'hashmap or rocksdb (memory or disk)',
    meaning: 'Where keyed state lives: `hashmap` is memory, `rocksdb` is disk.',
    apply: settings((value, key) => ({
      stateBackend: STATE_BACKENDS[word(value, key, ['hashmap', 'rocksdb', 'memory', 'disk'])],
    })),
  },
  'state.backend.rocksdb.memory.fixed-per-slot': {
    setting: 'stateMemoryMegabytes',
    type: 'memory size',
    meaning: 'Memory that all state on disk of one slot may take together. Default 256 mb.',
    apply: settings((value, key) => ({ stateMemoryMegabytes: megabytes(value, key) })),
  },
  'state.backend.rocksdb.localdir': {
    setting: 'stateDirectory',
    type: 'path',
    meaning: 'Directory for the working files of state on disk. Default: where the system keeps temporary files.',
    apply: settings((value, key) => ({ stateDirectory: place(value, key) })),
  },
  'restart-strategy.type': {
    setting: 'restart',
    type: 'none, off, disable, fixed-delay, failure-rate or exponential-delay',
    meaning: 'What happens after a failure. Without it: exponential-delay when checkpoints are on, else none.',
    apply: restart((value, key) => word(value, key, RESTART_TYPES)),
  },
  'restart-strategy.fixed-delay.attempts': {
    setting: 'restart.attempts',
    type: 'whole number',
    meaning: 'Restarts before the job fails for good. Default 1.',
    apply: restart(wholeNumber),
  },
  'restart-strategy.fixed-delay.delay': {
    setting: 'restart.delayMs',
    type: 'duration',
    meaning: 'Time before each restart. Default 1 s.',
    apply: restart(durationMs),
  },
  'restart-strategy.failure-rate.max-failures-per-interval': {
    setting: 'restart.maxFailuresPerInterval',
    type: 'whole number',
    meaning: 'Failures within the interval before the job fails for good. Default 1.',
    apply: restart(wholeNumber),
  },
  'restart-strategy.failure-rate.failure-rate-interval': {
    setting: 'restart.intervalMs',
    type: 'duration',
    meaning: 'The interval over which failures are counted. Default 1 min.',
    apply: restart(durationMs),
  },
  'restart-strategy.failure-rate.delay': {
    setting: 'restart.delayMs',
    type: 'duration',
    meaning: 'Time before each restart. Default 1 s.',
    apply: restart(durationMs),
  },
  'restart-strategy.exponential-delay.initial-backoff': {
    setting: 'restart.initialBackoffMs',
    type: 'duration',
    meaning: 'Time before the first restart. Default 1 s.',
    apply: restart(durationMs),
  },
  'restart-strategy.exponential-delay.max-backoff': {
    setting: 'restart.maxBackoffMs',
    type: 'duration',
    meaning: 'The longest time before a restart. Default 1 min.',
    apply: restart(durationMs),
  },
  'restart-strategy.exponential-delay.backoff-multiplier': {
    setting: 'restart.backoffMultiplier',
    type: 'number',
    meaning: 'By how much each wait is longer than the one before. Default 1.5.',
    apply: restart(anyNumber),
  },
  'restart-strategy.exponential-delay.reset-backoff-threshold': {
    setting: 'restart.resetBackoffThresholdMs',
    type: 'duration',
    meaning: 'After this long without a failure the wait begins anew. Default 1 h.',
    apply: restart(durationMs),
  },
  'restart-strategy.exponential-delay.jitter-factor': {
    setting: 'restart.jitterFactor',
    type: 'number from 0 to 1',
    meaning: 'Share of the wait by which it varies at random. Default 0.1.',
    apply: restart(anyNumber),
  },
  'restart-strategy.exponential-delay.attempts-before-reset-backoff': {
    setting: 'restart.attemptsBeforeReset',
    type: 'whole number',
    meaning: 'Restarts without a reset in between before the job fails for good. Default: no limit.',
    apply: restart(wholeNumber),
  },
} satisfies Record<string, FlinkOption>);

/**
 * Applies options by Flink's keys.
 *
 * @throws OPTION_INVALID for a value that does not fit, and for an unknown key, with the nearest known one.
 */
export function applyFlinkOptions(to: Configuration, options: Readonly<Record<string, unknown>>): Configuration {
  let configuration = to;
  for (const [key, value] of Object.entries(options)) {
    const option = Object.hasOwn(FLINK_OPTIONS, key) ? FLINK_OPTIONS[key] : undefined;
    if (option === undefined) {
      throw new MillstreamError(
        'OPTION_INVALID',
        `There is no option "${key}". Did you mean "${closest(key, Object.keys(FLINK_OPTIONS))}"? docs/guide/options.md lists all.`,
        { details: { option: key } },
      );
    }
    configuration = option.apply(configuration, value, key);
  }
  return configuration;
}
