/** What tests stand on: harnesses for operators and connectors. The entry `millstream/testing`. */

export { OperatorHarness, type HarnessOptions, type HarnessOutput } from './operator-harness.ts';
export { ManualClock } from './manual-world.ts';
export {
  assertReplays,
  runSink,
  runSource,
  SinkRun,
  SourceRun,
  type CommitReport,
  type ReplayOptions,
  type SinkRunOptions,
  type SinkSnapshot,
  type SourceRecord,
  type SourceRunOptions,
  type SourceSnapshot,
} from './connector-harness.ts';
