/** What tests stand on: harnesses for operators and connectors, and simulations. The entry `millstream/testing`. */

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
export { assertCommits, type CommitContractOptions, type CommitTarget } from './commit-contract.ts';
export {
  active,
  element,
  element2,
  finish,
  idle,
  processingTime,
  side,
  Torture,
  torture,
  watermark,
  type TortureInput,
  type TortureOptions,
  type TortureOutput,
  type TortureSubject,
} from './torture.ts';
export {
  windowModel,
  type ModelledWindows,
  type ModelOutput,
  type Span,
  type WindowModelOptions,
} from './window-model.ts';
export { simulate, type SimulateOptions, type SimulationReport } from './simulate.ts';
export type { SimulatedFaults, SimulatedRun } from './simulation/simulated-run.ts';
export {
  createSimulation,
  type PrintedLine,
  type RunLimits,
  type Simulation,
  type SimulationOptions,
} from './simulated-world.ts';
export type { StreamHandler } from './simulation/network.ts';
export type { SimulatedDisk } from './simulation/storage.ts';
