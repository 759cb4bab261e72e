/** Flink's option keys: every one does what its row says, wrong ones are refused helpfully, and the page lists them all. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { applyFlinkOptions, FLINK_OPTIONS, type Configuration } from '../../src/graph/flink-options.ts';
import { durationMs } from '../../src/graph/option-values.ts';
import { checkpointDirectory, checkSettings, DEFAULT_SETTINGS } from '../../src/graph/settings.ts';
import { optionsTable } from './options-page.ts';

const START: Configuration = { settings: DEFAULT_SETTINGS, jobName: undefined, restart: {} };
const settingsOf = (options: Readonly<Record<string, unknown>>) => applyFlinkOptions(START, options).settings;

test('durations are read as Flink writes them', () => {
  const durations: readonly (readonly [unknown, number])[] = [
    [200, 200],
    ['200', 200],
    ['200 ms', 200],
    ['10s', 10_000],
    ['1 min', 60_000],
    ['2 hours', 7_200_000],
    ['1 d', 86_400_000],
    ['1.5 s', 1_500],
    ['5000000 ns', 5],
    ['3 MIN', 180_000],
    [' 7 milliseconds ', 7],
  ];
  for (const [text, milliseconds] of durations) assert.equal(durationMs(text, 'x'), milliseconds, String(text));
  for (const text of ['', 'soon', '10 parsecs', -1, NaN, '-5 ms', undefined, {}]) {
    assert.throws(() => durationMs(text, 'some.interval'), /some\.interval must be a duration/);
  }
});

test('every key changes its setting', () => {
  assert.equal(settingsOf({ 'parallelism.default': '4' }).parallelism, 4);
  assert.equal(settingsOf({ 'pipeline.max-parallelism': 256 }).maxParallelism, 256);
  assert.equal(settingsOf({ 'pipeline.max-parallelism': -1 }).maxParallelism, undefined);
  assert.equal(settingsOf({ 'execution.runtime-mode': 'BATCH' }).runtimeMode, 'batch');
  assert.equal(settingsOf({ 'execution.buffer-timeout.interval': '50 ms' }).bufferTimeoutMs, 50);
  assert.equal(settingsOf({ 'execution.buffer-timeout.enabled': 'false' }).bufferTimeoutMs, -1);
  assert.equal(
    settingsOf({ 'execution.buffer-timeout.enabled': true }).bufferTimeoutMs,
    DEFAULT_SETTINGS.bufferTimeoutMs,
  );
  assert.equal(settingsOf({ 'pipeline.operator-chaining.enabled': false }).chaining, false);
  assert.equal(settingsOf({ 'pipeline.auto-generate-uids': 'false' }).autoGenerateUids, false);
  assert.equal(settingsOf({ 'execution.sorted-inputs.memory': '128 mb' }).sortMemoryMegabytes, 128);
  assert.equal(settingsOf({ 'taskmanager.memory.task.heap.size': '2g' }).slotHeapMegabytes, 2048);
  assert.equal(settingsOf({ 'pipeline.object-reuse': true }), DEFAULT_SETTINGS);
  assert.throws(() => settingsOf({ 'pipeline.object-reuse': false }), /OPTION_INVALID.*never copied/);
  assert.equal(settingsOf({ 'pipeline.auto-watermark-interval': '1 s' }).autoWatermarkIntervalMs, 1_000);
  assert.equal(settingsOf({ 'pipeline.watermark-alignment.buffer-size': 0 }).alignmentBufferSize, 0);
  assert.equal(
    settingsOf({ 'pipeline.watermark-alignment.allow-unaligned-source-splits': 'true' }).allowUnalignedSplits,
    true,
  );
  assert.equal(
    settingsOf({ 'execution.state-recovery.path': ' file:///savepoints/a ' }).fromSavepoint,
    'file:///savepoints/a',
  );
  assert.equal(settingsOf({ 'execution.state-recovery.claim-mode': 'CLAIM' }).claimMode, 'claim');
  assert.equal(settingsOf({ 'execution.state-recovery.ignore-unclaimed-state': true }).allowNonRestoredState, true);
  assert.equal(settingsOf({ 'state.backend.type': 'rocksdb' }).stateBackend, 'disk');
  assert.equal(settingsOf({ 'state.backend.type': 'HASHMAP' }).stateBackend, 'memory');
  assert.equal(settingsOf({ 'state.backend.rocksdb.memory.fixed-per-slot': '1 gb' }).stateMemoryMegabytes, 1024);
  assert.equal(settingsOf({ 'state.backend.rocksdb.localdir': '/mnt/fast' }).stateDirectory, '/mnt/fast');
  assert.deepEqual(
    settingsOf({
      'execution.checkpointing.interval': '10 s',
      'execution.checkpointing.timeout': '1 min',
      'execution.checkpointing.min-pause': '5 s',
      'execution.checkpointing.max-concurrent-checkpoints': 2,
      'execution.checkpointing.tolerable-failed-checkpoints': 3,
      'execution.checkpointing.mode': 'AT_LEAST_ONCE',
      'execution.checkpointing.unaligned.enabled': 'true',
      'execution.checkpointing.aligned-checkpoint-timeout': '30 s',
      'execution.checkpointing.unaligned.forced': true,
      'execution.checkpointing.storage': 'filesystem',
      'execution.checkpointing.dir': 's3://bucket/checkpoints',
      'execution.checkpointing.savepoint-dir': '/savepoints',
      'execution.checkpointing.num-retained': '3',
      'execution.checkpointing.externalized-checkpoint-retention': 'RETAIN_ON_CANCELLATION',
      'execution.checkpointing.data-inline-threshold': '40 kb',
      'execution.checkpointing.snapshot-compression': 'true',
      'execution.checkpointing.local-backup.enabled': true,
      'execution.checkpointing.local-backup.dirs': '/fast/a, /fast/b',
    }).checkpoint,
    {
      ...DEFAULT_SETTINGS.checkpoint,
      intervalMs: 10_000,
      timeoutMs: 60_000,
      minPauseMs: 5_000,
      maxConcurrent: 2,
      tolerableFailures: 3,
      unaligned: true,
      alignedTimeoutMs: 30_000,
      forceUnaligned: true,
      mode: 'at-least-once',
      storage: 'filesystem',
      directory: 's3://bucket/checkpoints',
      savepointDirectory: '/savepoints',
      retained: 3,
      externalizedRetention: 'retain-on-cancellation',
      inlineThresholdBytes: 40 * 1024,
      compression: true,
      localBackup: true,
      localBackupDirectories: ['/fast/a', '/fast/b'],
    },
  );
  assert.equal(applyFlinkOptions(START, { 'pipeline.name': 'clicks' }).jobName, 'clicks');
});

test('global job parameters are an object, or pairs as Flink writes them', () => {
  const key = 'pipeline.global-job-parameters';
  const parameters = (value: unknown) => settingsOf({ [key]: value }).globalJobParameters;
  assert.deepEqual(parameters({ a: 1 }), { a: 1 });
  assert.deepEqual(parameters('a:1, b : two words '), { a: '1', b: 'two words' });
  assert.deepEqual(parameters(`url:'http://a:1/?x=1,2',"it's":'it''s'`), { url: 'http://a:1/?x=1,2', "it's": "it's" });
  assert.deepEqual(parameters('empty:'), { empty: '' });
  assert.deepEqual(parameters('url:http://a:1/'), { url: 'http://a:1/' });
  for (const wrong of ['a', 'a:1,b', `a:'1`, 7, []])
    assert.throws(() => parameters(wrong), /must be pairs/, String(wrong));
});

test('cached files are an object, or a list as Flink writes it', () => {
  const files = (value: unknown) => settingsOf({ 'pipeline.cached-files': value }).cachedFiles;
  assert.deepEqual(files({ a: '/a' }), { a: '/a' });
  assert.deepEqual(files('name:a,path:/a;name:b,path:s3://bucket/b'), { a: '/a', b: 's3://bucket/b' });
  for (const wrong of ['name:a', 'path:/a', 'a;b', { a: 7 }]) assert.throws(() => files(wrong), /OPTION_INVALID/);
});

test('storage options that cannot be meant are refused', () => {
  const key = 'execution.checkpointing';
  const refused = (options: Record<string, unknown>, message: RegExp): void => {
    assert.throws(() => checkSettings(settingsOf(options)), { code: 'OPTION_INVALID', message });
  };
  refused({ [`${key}.storage`]: 'filesystem' }, /checkpoint\.directory names no place/);
  refused({ [`${key}.local-backup.enabled`]: true }, /localBackupDirectories names no directory/);
  refused({ [`${key}.num-retained`]: 0 }, /checkpoint\.retained must be a whole number from 1/);
  refused({ [`${key}.data-inline-threshold`]: '2 mb' }, /inlineThresholdBytes must be a whole number/);
  refused({ [`${key}.data-inline-threshold`]: '2 parsec' }, /memory size, such as "20 kb", but is "2 parsec"/);
  refused({ [`${key}.dir`]: ' ' }, /must be a path or URL/);
  refused({ [`${key}.local-backup.dirs`]: [] }, /one path or several/);
  refused({ [`${key}.externalized-checkpoint-retention`]: 'keep' }, /retain-on-cancellation, but is "keep"/);
  const both = settingsOf({ [`${key}.storage`]: 'jobmanager', [`${key}.dir`]: '/checkpoints' }).checkpoint;
  assert.equal(checkpointDirectory(both), undefined);
  assert.equal(checkpointDirectory(settingsOf({ [`${key}.dir`]: '/checkpoints' }).checkpoint), '/checkpoints');
});

test('restart options are read together, whichever comes first', () => {
  assert.equal(settingsOf({ 'restart-strategy.fixed-delay.attempts': 5 }).restart, undefined);
  assert.deepEqual(
    settingsOf({
      'restart-strategy.fixed-delay.attempts': 5,
      'restart-strategy.fixed-delay.delay': '2 s',
      'restart-strategy.type': 'fixed-delay',
    }).restart,
    {
      kind: 'fixed-delay',
      attempts: 5,
      delayMs: 2_000,
    },
  );
  assert.deepEqual(settingsOf({ 'restart-strategy.type': 'fixed-delay' }).restart, {
    kind: 'fixed-delay',
    attempts: 1,
    delayMs: 1_000,
  });
  assert.deepEqual(
    settingsOf({
      'restart-strategy.type': 'FAILURE_RATE',
      'restart-strategy.failure-rate.max-failures-per-interval': 3,
    }).restart,
    {
      kind: 'failure-rate',
      maxFailuresPerInterval: 3,
      intervalMs: 60_000,
      delayMs: 1_000,
    },
  );
  for (const off of ['none', 'off', 'disable'])
    assert.deepEqual(settingsOf({ 'restart-strategy.type': off }).restart, { kind: 'none' });
  assert.deepEqual(
    settingsOf({
      'restart-strategy.type': 'exponential-delay',
      'restart-strategy.exponential-delay.initial-backoff': '10 ms',
      'restart-strategy.exponential-delay.max-backoff': '1 s',
      'restart-strategy.exponential-delay.backoff-multiplier': '2.5',
      'restart-strategy.exponential-delay.reset-backoff-threshold': '1 min',
      'restart-strategy.exponential-delay.jitter-factor': 0.5,
      'restart-strategy.exponential-delay.attempts-before-reset-backoff': 7,
    }).restart,
    {
      kind: 'exponential-delay',
      initialBackoffMs: 10,
      maxBackoffMs: 1_000,
      backoffMultiplier: 2.5,
      resetBackoffThresholdMs: 60_000,
      jitterFactor: 0.5,
      attemptsBeforeReset: 7,
    },
  );
});

test('every key of the table is understood and refuses nonsense', () => {
  for (const key of Object.keys(FLINK_OPTIONS)) {
    if (key === 'pipeline.name') continue;
    assert.throws(
      // Any text is a path, but none.
      () => settingsOf({ [key]: /(?:dirs?|path)$/.test(key) ? ' ' : 'nonsense' }),
      (error: Error & { code?: string }) => error.code === 'OPTION_INVALID' && error.message.includes(key),
      key,
    );
  }
});

test('an unknown key is refused with the nearest known one', () => {
  assert.throws(
    () => settingsOf({ 'execution.checkpoint.interval': '10 s' }),
    /no option "execution\.checkpoint\.interval"\. Did you mean "execution\.checkpointing\.interval"\?/,
  );
  assert.throws(() => settingsOf({ 'paralelism.default': 2 }), /Did you mean "parallelism\.default"/);
  assert.throws(() => settingsOf({ constructor: 2 }), /no option "constructor"/);
});

test('docs/guide/options.md has the table that the engine uses', () => {
  const page = readFileSync(join(resolve(import.meta.dirname, '../..'), 'docs/guide/options.md'), 'utf8');
  assert.ok(page.includes(optionsTable()), `the table should be:\n${optionsTable()}`);
  for (const setting of Object.keys(DEFAULT_SETTINGS))
    assert.ok(page.includes(`\`${setting}\``), `${setting} is missing`);
});
