/** Millstream: stateful computations over data streams. The public entry; every name in it is listed here. */

export { createEnvironment } from './create-environment.ts';
export { LocalCluster, runJob, type LocalClusterOptions, type RunJobOptions } from './run-job.ts';
export {
  ProcessCluster,
  type ClusterProcess,
  type ProcessClusterOptions,
  type SubmitOptions,
} from './process-cluster.ts';
export type { HeartbeatOptions } from './cluster/heartbeat.ts';
export type { RunOptions } from './cluster/embedded-cluster.ts';

// Describing a job.
export { StreamEnvironment, type EnvironmentOptions } from './api/environment.ts';
export { job, type JobDescription } from './api/job.ts';
export { DataStream } from './api/data-stream.ts';
export { SingleOutputStream } from './api/single-output-stream.ts';
export { KeyedStream, type KeySelector, type NumericField, type OrderedField } from './api/keyed-stream.ts';
export { ConnectedStreams, KeyedConnectedStreams } from './api/connected-streams.ts';
export { BroadcastStream } from './api/broadcast-stream.ts';
export { BroadcastConnectedStream, KeyedBroadcastConnectedStream } from './api/broadcast-connected-stream.ts';
export { PartitionWindowedStream } from './api/partition-windowed-stream.ts';
export { DataStreamSink } from './api/data-stream-sink.ts';
export { OutputTag, outputTag } from './api/output-tag.ts';
export { reinterpretAsKeyedStream } from './api/reinterpret.ts';
export { DEFAULT_SETTINGS, EXPONENTIAL_DELAY } from './graph/settings.ts';
export type {
  CheckpointSettings,
  ExternalizedRetention,
  ExecutionSettings,
  RestartStrategy,
  RuntimeMode,
  SettingsPart,
} from './graph/settings.ts';
export { FLINK_OPTIONS, type Configuration, type FlinkOption } from './graph/flink-options.ts';
export type { DeliveryGuarantee } from './graph/guarantees.ts';
export type { ExecutionPlan, PlanDocument, PlanNode, PlanPredecessor, PlanVertex } from './graph/plan.ts';
export type { NodeId, Partitioning, StreamEdge, StreamGraph, StreamNode } from './graph/stream-graph.ts';

// Windows and joins.
export { WindowedStream, type ReduceOptions, type WindowReduce } from './api/windowed-stream.ts';
export { AllWindowedStream } from './api/all-windowed-stream.ts';
export {
  CoGroupedStreams,
  CoGroupedWindows,
  JoinedStreams,
  JoinedWindows,
  type CoGroupFunction,
  type FlatJoinFunction,
  type JoinFunction,
} from './api/co-group.ts';
export { IntervalJoin, IntervalJoined } from './api/interval-join.ts';
export type { ProcessJoinContext, ProcessJoinFunction } from './operator/interval-join.ts';
export type {
  AllWindowFunction,
  AllWindowLambda,
  ProcessAllWindowFunction,
  ProcessAllWindowLambda,
  ProcessWindowContext,
  ProcessWindowFunction,
  ProcessWindowLambda,
  WindowFunction,
  WindowLambda,
} from './operator/window/window-functions.ts';
export { GlobalWindow, TimeWindow, type Window } from './time/windows/window.ts';
export { GlobalWindows } from './time/windows/global-windows.ts';
export {
  EventTimeSessionWindows,
  ProcessingTimeSessionWindows,
  type SessionWindowTimeGapExtractor,
} from './time/windows/session-windows.ts';
export { SlidingEventTimeWindows, SlidingProcessingTimeWindows } from './time/windows/sliding-windows.ts';
export { TumblingEventTimeWindows, TumblingProcessingTimeWindows } from './time/windows/tumbling-windows.ts';
export type {
  MergeCallback,
  MergingWindowAssigner,
  WindowAssigner,
  WindowAssignerContext,
} from './time/windows/window-assigner.ts';
export { WindowStagger } from './time/windows/window-stagger.ts';
export { ContinuousEventTimeTrigger, ContinuousProcessingTimeTrigger } from './time/triggers/continuous-triggers.ts';
export { CountTrigger } from './time/triggers/count-trigger.ts';
export { DeltaTrigger, type DeltaFunction } from './time/triggers/delta-trigger.ts';
export { EarlyLateTrigger, type EarlyLateOptions, type Firings } from './time/triggers/early-late-trigger.ts';
export { EndOfStreamTrigger } from './time/triggers/end-of-stream-trigger.ts';
export { EventTimeTrigger } from './time/triggers/event-time-trigger.ts';
export { NeverTrigger } from './time/triggers/never-trigger.ts';
export { ProcessingTimeTrigger } from './time/triggers/processing-time-trigger.ts';
export { ProcessingTimeoutTrigger, type ProcessingTimeoutOptions } from './time/triggers/processing-timeout-trigger.ts';
export { PurgingTrigger } from './time/triggers/purging-trigger.ts';
export { TriggerResult, type OnMergeContext, type Trigger, type TriggerContext } from './time/triggers/trigger.ts';
export { CountEvictor, DeltaEvictor, TimeEvictor } from './time/evictors/evictors.ts';
export type { Evictor, EvictorContext, TimestampedValue } from './time/evictors/evictor.ts';

// Running it.
export type {
  DroppedSample,
  JobClient,
  JobExecutionResult,
  JobFailure,
  JobListener,
  JobMetrics,
  JobProgram,
  JobProgress,
  JobStatus,
  LaunchOptions,
  Launcher,
  OperatorMetrics,
  SavepointHandle,
  SavepointOptions,
  SlotMetrics,
} from './graph/launch.ts';
export {
  ERRORS,
  MillstreamError,
  type Blame,
  type ErrorCode,
  type ErrorDetails,
  type ErrorKind,
} from './base/error.ts';
export type { Counter, Histogram, Meter, MetricGroup, MetricSnapshot } from './observe/metrics.ts';

// Functions.
export type {
  AsyncFunction,
  BroadcastContext,
  BroadcastProcessFunction,
  CheckpointedFunction,
  CheckpointListener,
  CoFlatMapFunction,
  Collector,
  CoMapFunction,
  CoProcessFunction,
  FilterFunction,
  FlatMapFunction,
  FunctionInitializationContext,
  FunctionSnapshotContext,
  KeyedBroadcastContext,
  KeyedBroadcastOnTimerContext,
  KeyedBroadcastProcessFunction,
  KeyedCoProcessFunction,
  KeyedProcessContext,
  KeyedProcessFunction,
  KeyedReadOnlyBroadcastContext,
  MapFunction,
  MapPartitionFunction,
  OnTimerContext,
  OrClass,
  ProcessContext,
  ProcessFunction,
  ReadOnlyBroadcastContext,
  ReadOnlyBroadcastState,
  ReduceFunction,
  RichFunction,
  SideOutputTag,
  StateDeclarations,
  StateHandles,
  Sync,
} from './operator/functions.ts';
export type { Dropped, DropFacts, DropReason } from './operator/dropped.ts';
export type { RuntimeContext } from './operator/runtime-context.ts';
export type { SortFigure, SortOrder } from './operator/sort-partition.ts';
export type { AsyncOptions, AsyncRetry } from './operator/async-options.ts';
export {
  AverageAccumulator,
  DoubleCounter,
  HistogramAccumulator,
  IntCounter,
  ListAccumulator,
  LongCounter,
  type Accumulator,
} from './operator/accumulators.ts';

// State.
export { aggregatingState, listState, mapState, reducingState, valueState } from './state/descriptor.ts';
export type {
  AggregateFunction,
  AggregatingState,
  AggregatingStateDescriptor,
  ListState,
  ListStateDescriptor,
  MapState,
  MapStateDescriptor,
  Migrations,
  ReducingState,
  ReducingStateDescriptor,
  StateDescriptor,
  StateHandle,
  StateOptions,
  ValueState,
  ValueStateDescriptor,
} from './state/descriptor.ts';
export type { StateTtl } from './state/ttl.ts';
export type { BroadcastState, OperatorListState, OperatorStateStore } from './state/operator-state.ts';
export type { TimeDomain, TimerService } from './state/timers.ts';

// Time.
export { WatermarkStrategy, type TimestampAssigner, type WatermarkAlignment } from './time/watermark-strategy.ts';
export type { GeneratorContext, WatermarkGenerator, WatermarkOutput } from './time/watermark-generator.ts';
export type { PercentileOptions } from './time/percentile-watermarks.ts';
export { MAX_WATERMARK, MIN_WATERMARK } from './data/element.ts';
export { NO_TIMESTAMP } from './data/record-batch.ts';

// Sources and sinks.
export { asyncIterableSource, type AsyncIterableOptions, type OpenIterable } from './connect/async-iterable-source.ts';
export { collectionSource, type CollectionOptions } from './connect/collection-source.ts';
export { fileSource, type FileSourceOptions } from './connect/file-source.ts';
export type { Compression } from './connect/block-reader.ts';
export type { FileEnumeratorState } from './connect/file-enumerator.ts';
export type { FileSplit } from './connect/file-split.ts';
export { UNDECODABLE_TAG, type OnUndecodable, type RecordOrigin, type Undecodable } from './connect/undecodable.ts';
export { generatorSource, type GeneratorOptions } from './connect/generator-source.ts';
export { hybridSource, type HybridOptions } from './connect/hybrid-source.ts';
export type { HybridStep, HybridSwitch } from './connect/hybrid-step.ts';
export { sequenceSource } from './connect/sequence-source.ts';
export { socketSource, type SocketSourceOptions } from './connect/socket-source.ts';
export { asyncSink, type AsyncSinkOptions } from './connect/async-sink.ts';
export { callbackSink, type CallbackContext, type CallbackOptions } from './connect/callback-sink.ts';
export {
  bucketByTime,
  noBuckets,
  type BucketAssigner,
  type BucketContext,
  type TimeBucketOptions,
} from './connect/bucket.ts';
export { fileSink, type CompactionOptions, type FileSinkOptions, type RollingOptions } from './connect/file-sink.ts';
export { discardSink } from './connect/discard-sink.ts';
export { printSink, type PrintOptions } from './connect/print-sink.ts';
export { socketSink, type SocketSinkOptions } from './connect/socket-sink.ts';
export { csv, type CsvOptions } from './format/csv.ts';
export type { CsvColumn, CsvColumns, CsvRow, CsvValue } from './format/csv-columns.ts';
export { json, type JsonOptions } from './format/json.ts';
export { text, type TextOptions } from './format/text.ts';
export { FormatError, MORE_BYTES, NO_RECORD, type Decoder, type Encoder, type Format } from './format/format.ts';
export { ByteAppender } from './format/byte-appender.ts';
export { PagedCursor, type SplitPage } from './connect/paged-cursor.ts';
export { SplitPool, type SplitPoolOptions, type SplitPoolState } from './connect/split-pool.ts';
export { SplitReader, type SplitCursor, type SplitReaderOptions } from './connect/split-reader.ts';
export type {
  Boundedness,
  ConnectorWorld,
  EnumeratorContext,
  PollResult,
  ReaderContext,
  ReaderOutput,
  Source,
  SourceReader,
  SplitEnumerator,
} from './connect/source.ts';
export type {
  Checkpointing,
  CommitRequest,
  Committer,
  GlobalCommitter,
  Guarantee,
  PostCommitter,
  PreCommitter,
  Sink,
  SinkWriter,
  WriteContext,
  WriterContext,
} from './connect/sink.ts';

// Stores of checkpoints.
export { registerCheckpointStore } from './checkpoint/storage/stores.ts';
export type {
  CheckpointStoreFactory,
  ObjectStore,
  ObjectWriter,
  Register,
  StoredObject,
} from './checkpoint/storage/object-store.ts';

// Operators of one's own.
export { PlainOperator } from './operator/plain-operator.ts';
export type {
  InputOperator,
  Operator,
  OperatorContext,
  OperatorDefinition,
  Output,
  TaskIdentity,
} from './operator/operator.ts';
export type { InlineCode } from './operator/inline-code.ts';
export type {
  KeyedEntryWriter,
  PartTaker,
  Redistribution,
  RestoredEntry,
  RestoredKeyedState,
  RestoredList,
  RestoredState,
  SnapshotWriter,
} from './state/snapshot.ts';
