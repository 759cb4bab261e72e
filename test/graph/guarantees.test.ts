/** What a job says of its guarantees before it starts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamEnvironment } from '../../src/api/environment.ts';
import { callbackSink } from '../../src/connect/callback-sink.ts';
import { fileSink } from '../../src/connect/file-sink.ts';
import { socketSink } from '../../src/connect/socket-sink.ts';
import { json } from '../../src/format/json.ts';
import { jobGuarantees } from '../../src/graph/guarantees.ts';
import type { SettingsPart } from '../../src/graph/settings.ts';

const CHECKPOINTED: SettingsPart = { checkpoint: { intervalMs: 1_000 } };

function environment(settings: SettingsPart = CHECKPOINTED): StreamEnvironment {
  return new StreamEnvironment(undefined, { jobName: 'clicks', settings });
}

const files = (): ReturnType<typeof fileSink<unknown>> => fileSink<unknown>({ path: 'out', format: json() });
const toServer = (): ReturnType<typeof socketSink<unknown>> =>
  socketSink<unknown>({ host: 'localhost', port: 9, format: json() });

function warning(env: StreamEnvironment): string | undefined {
  return jobGuarantees(env.buildGraph()).warning;
}

test('a job whose source and sink keep what its checkpoints promise is exactly once, without a word', () => {
  const env = environment();
  env.fromSequence(1, 10).sinkTo(files());
  const plan = env.getExecutionPlan();
  assert.equal(plan.toJSON().guarantee, 'exactly-once');
  assert.deepEqual(
    plan.toJSON().nodes.map(({ guarantee }) => guarantee),
    ['exactly-once', 'exactly-once'],
  );
  assert.match(String(plan), /^Job "clicks" \(STREAMING, exactly once\)\n/);
  assert.equal(warning(env), undefined);
});

test('a source that cannot be read again makes the job at most once from there on, and says so', () => {
  const env = environment();
  env
    .socketTextStream('localhost', 9)
    .name('Lines')
    .map((line) => line.length)
    .sinkTo(files());
  env.fromSequence(1, 10).sinkTo(files()).name('Numbers');
  const plan = env.getExecutionPlan();
  assert.equal(plan.toJSON().guarantee, 'at-most-once');
  assert.deepEqual(
    plan.toJSON().nodes.map(({ type, guarantee }) => [type, guarantee]),
    [
      ['Lines', 'at-most-once'],
      ['Map', undefined],
      ['Sink: file', 'at-most-once'],
      ['Source: Sequence Source', 'exactly-once'],
      ['Numbers', 'exactly-once'],
    ],
  );
  assert.match(String(plan), /\(STREAMING, at most once\)/);
  assert.match(String(plan), /1 Lines \{.*replayable: false, guarantee: at-most-once\}/);
  assert.match(String(plan), /3 Sink: file \{.*guarantee: exactly-once, keeps: at-most-once\}/);
  assert.equal(
    warning(env),
    'Job "clicks" is at most once, while its checkpoints are exactly once: source "Lines" cannot be read again, so what it gave since the last checkpoint is lost in a failure.',
  );
});

test('an iterable that the program opens cannot be read again either', () => {
  const env = environment();
  env
    .fromAsyncIterable(async function* () {
      yield 1;
    })
    .sinkTo(files());
  assert.match(warning(env) ?? '', /is at most once.*source "Source: Iterable Source" cannot be read again/);
});

test('a sink below the mode of the job is named, and both kinds together keep nothing', () => {
  const env = environment();
  const numbers = env.fromSequence(1, 10);
  numbers.sinkTo(callbackSink(() => {})).name('Callback');
  assert.match(warning(env) ?? '', /is at least once.*sink "Callback" may write records twice after a failure\.$/);
  assert.equal(env.getExecutionPlan().toJSON().guarantee, 'at-least-once');
  numbers.sinkTo(toServer()).name('Server');
  assert.match(warning(env) ?? '', /keeps no guarantee.*"Callback".*; sink "Server" may lose records in a failure\.$/);
  assert.equal(env.getExecutionPlan().toJSON().guarantee, 'none');
});

test('where checkpoints are at least once, a sink that is so too is no surprise', () => {
  const env = environment({ checkpoint: { intervalMs: 1_000, mode: 'at-least-once' } });
  env.fromSequence(1, 10).sinkTo(callbackSink(() => {}));
  env.fromSequence(1, 10).sinkTo(files());
  const { guarantee, nodes } = env.getExecutionPlan().toJSON();
  assert.equal(guarantee, 'at-least-once');
  assert.deepEqual(
    nodes.filter(({ pact }) => pact === 'Data Sink').map((node) => node.guarantee),
    ['at-least-once', 'at-least-once'],
  );
  assert.equal(warning(env), undefined);
});

test('without checkpoints there is no guarantee, and none to warn of; in BATCH mode a job begins anew', () => {
  for (const [settings, expected] of [
    [{}, 'none'],
    [{ runtimeMode: 'batch' }, 'exactly-once'],
  ] as const) {
    const env = environment(settings);
    env.fromSequence(1, 10).sinkTo(files());
    assert.equal(env.getExecutionPlan().toJSON().guarantee, expected);
    assert.equal(warning(env), undefined);
  }
});
