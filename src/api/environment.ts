/** The environment: where a job begins, and what executes it. */

import { MillstreamError } from '../base/error.ts';
import { asyncIterableSource, type AsyncIterableOptions, type OpenIterable } from '../connect/async-iterable-source.ts';
import { collectionSource } from '../connect/collection-source.ts';
import { fileSource, type FileSourceOptions } from '../connect/file-source.ts';
import { generatorSource, type GeneratorOptions } from '../connect/generator-source.ts';
import { sequenceSource } from '../connect/sequence-source.ts';
import { socketSource, type SocketSourceOptions } from '../connect/socket-source.ts';
import type { Source } from '../connect/source.ts';
import type { ColumnBatch } from '../data/column-batch.ts';
import { TypeRegistry, type InstanceClass, type InstanceCodec } from '../data/type-registry.ts';
import { text } from '../format/text.ts';
import type { JobClient, JobExecutionResult, JobListener, Launcher, LaunchOptions } from '../graph/launch.ts';
import { durationMs } from '../graph/option-values.ts';
import { executionPlan, type ExecutionPlan } from '../graph/plan.ts';
import type {
  CheckpointSettings,
  RestartStrategy,
  RuntimeMode,
  SettingsPart,
  SlotResources,
} from '../graph/settings.ts';
import type { StreamGraph } from '../graph/stream-graph.ts';
import { sourceDefinition } from '../operator/source-operator.ts';
import { checkFunction } from '../operator/user-function.ts';
import { WatermarkStrategy } from '../time/watermark-strategy.ts';
import { attachCollectSink } from './collect.ts';
import type { ColumnSchema, ColumnSourceSettings } from './column-schema.ts';
import type { OperatorColumnStream } from './column-stream.ts';
import { GraphBuilder } from './graph-builder.ts';
import { JobListeners } from './job-listeners.ts';
import { JobSettings } from './job-settings.ts';
import type { ResultReader } from './result-reader.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import type { StreamHandle, StreamScope } from './stream-handle.ts';
import { STREAMS } from './streams.ts';

/** How an environment begins. */
export interface EnvironmentOptions {
  /** What differs from the defaults; the program may still change it. */
  readonly settings?: SettingsPart;
  /** What the program cannot change. */
  readonly overrides?: SettingsPart;
  /** Name of the job when `execute` gives none. Default `Millstream job`. */
  readonly jobName?: string;
  /** What the job is started with; functions read it from their runtime context. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

const JOB_NAME_DEFAULT = 'Millstream job';

/**
 * Describes one job, and executes it once. `from…` methods begin streams, the streams' methods add operators, and
 * `execute` runs what was described.
 *
 * @example
 * ```ts
 * const env = createEnvironment();
 * env.fromData('to', 'be', 'or', 'not').map((word) => word.length).print();
 * await env.execute('lengths');
 * ```
 */
export class StreamEnvironment {
  /** The parameters of the job. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly #launcher: Launcher | undefined;
  readonly #settings: JobSettings;
  readonly #jobName: string;
  readonly #types = new TypeRegistry();
  readonly #scope: StreamScope;
  readonly #listeners = new JobListeners();
  #collected = 0;

  /** `launcher` runs the graph; without one the environment only describes it, as inside `job(…)`. */
  constructor(launcher: Launcher | undefined, options: EnvironmentOptions = {}) {
    this.#launcher = launcher;
    this.#settings = new JobSettings(options.settings ?? {}, options.overrides ?? {});
    this.#jobName = options.jobName ?? JOB_NAME_DEFAULT;
    this.parameters = options.parameters ?? {};
    const results: ResultReader = { iterate: (stream, jobName) => this.#iterate(stream, jobName) };
    this.#scope = { graph: new GraphBuilder(() => this.#settings.current.parallelism), make: STREAMS, results };
  }

  // Sources.

  /**
   * The given values, emitted in order by one subtask.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * const numbers = env.fromData(1, 2, 3);
   * ```
   */
  fromData<T>(...values: readonly T[]): SingleOutputStream<T>;
  /** Values of several types. */
  fromData<V extends readonly unknown[]>(...values: V): SingleOutputStream<V[number]>;
  fromData<T>(...values: readonly T[]): SingleOutputStream<T> {
    return this.#source(collectionSource(values), WatermarkStrategy.noWatermarks(), 'Collection Source');
  }

  /**
   * The values of an array or another finite iterable, emitted in order by one subtask; with `parallel`, every subtask
   * emits a range of them.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * const words = env.fromCollection(new Set(['to', 'be']));
   * ```
   */
  fromCollection<T>(values: Iterable<T>, options: { readonly parallel?: boolean } = {}): SingleOutputStream<T> {
    return this.#source(collectionSource(values, options), WatermarkStrategy.noWatermarks(), 'Collection Source');
  }

  /**
   * The whole numbers `from` … `to`, both included, in parallel.
   *
   * @throws OPTION_INVALID when they are no safe integers, or `from` lies above `to`.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * const hundred = env.fromSequence(1, 100);
   * ```
   */
  fromSequence(from: number, to: number): SingleOutputStream<number> {
    return this.#source(sequenceSource(from, to), WatermarkStrategy.noWatermarks(), 'Sequence Source');
  }

  /**
   * The records of any source. Without a strategy they have no event time, unless it is assigned later.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * const flights = env.fromSource(
   *   fileSource({ path: 'data/flights.csv', format: csv({ header: true }) }),
   *   WatermarkStrategy.forBoundedOutOfOrderness(5_000, (flight) => Date.parse(String(flight['date']))),
   *   'flights',
   * );
   * ```
   */
  fromSource<T, Split, State>(
    source: Source<T, Split, State>,
    strategy: WatermarkStrategy<NoInfer<T>> = WatermarkStrategy.noWatermarks(),
    name: string = source.name,
  ): SingleOutputStream<T> {
    return this.#source(source as unknown as Source<T, never, never>, strategy, name);
  }

  /**
   * The values of an async iterable: an async generator, a Node.js or Web stream. One subtask reads them, no faster than
   * the job can take them. Give a function that opens the iterable where you can: it is called where it is read, and anew
   * after a restart. What was read before a failure is not read again.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * const ticks = env.fromAsyncIterable(async function* () {
   *   for (let tick = 0; ; tick++) yield tick;
   * });
   * ```
   */
  fromAsyncIterable<T>(
    iterable: AsyncIterable<T> | OpenIterable<T>,
    options: AsyncIterableOptions = {},
  ): SingleOutputStream<T> {
    return this.#source(asyncIterableSource(iterable, options), WatermarkStrategy.noWatermarks(), 'Iterable Source');
  }

  /**
   * The chunks of a Node.js or Web stream; the same as `fromAsyncIterable`.
   *
   * @example
   * ```ts
   * import { createReadStream } from 'node:fs';
   * const env = createEnvironment();
   * const chunks = env.fromStream<string>(() => createReadStream('events.log', 'utf8'), { boundedness: 'bounded' });
   * ```
   */
  fromStream<T>(stream: AsyncIterable<T> | OpenIterable<T>, options: AsyncIterableOptions = {}): SingleOutputStream<T> {
    return this.#source(asyncIterableSource(stream, options), WatermarkStrategy.noWatermarks(), 'Stream Source');
  }

  /**
   * Records made by a function of their index, in parallel, as fast as they are taken or at a rate.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * const readings = env.fromGenerator((index) => ({ sensor: index % 10, value: Math.sin(index) }), {
   *   recordsPerSecond: 1_000,
   * });
   * ```
   */
  fromGenerator<T>(generate: (index: number) => T, options: GeneratorOptions = {}): SingleOutputStream<T> {
    checkFunction(generate, 'Generator Source', [], true);
    return this.#source(generatorSource(generate, options), WatermarkStrategy.noWatermarks(), 'Generator Source');
  }

  /**
   * The records of files, as a format reads them; once, or watching a directory for more.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * const rows = env.readFile({ path: 'data', include: '*.csv', format: csv({ header: true }) });
   * ```
   */
  readFile<T>(
    options: FileSourceOptions<T>,
    strategy: WatermarkStrategy<NoInfer<T>> = WatermarkStrategy.noWatermarks(),
  ): SingleOutputStream<T> {
    return this.#source(fileSource(options), strategy, 'File Source');
  }

  /**
   * The lines of a text file, or of all files of a directory.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * const lines = env.readTextFile('data/hamlet.txt');
   * ```
   */
  readTextFile(path: string | readonly string[]): SingleOutputStream<string> {
    return this.readFile({ path, format: text() });
  }

  /**
   * The lines that a TCP server sends. One subtask connects; with `maxRetries` it connects again when the connection
   * breaks or is closed. What was lost is not sent again.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * const lines = env.socketTextStream('localhost', 9999, { maxRetries: 10 });
   * ```
   */
  socketTextStream(
    host: string,
    port: number,
    options: Omit<SocketSourceOptions, 'host' | 'port'> = {},
  ): SingleOutputStream<string> {
    return this.#source(socketSource({ ...options, host, port }), WatermarkStrategy.noWatermarks(), 'Socket Source');
  }

  /**
   * The batches of a source whose values are column batches, with event time from a column when one is named.
   *
   * @throws GRAPH_INVALID when the named column is none that holds timestamps.
   *
   * @example
   * ```ts
   * import { ColumnSchema, DataTypes } from 'millstream/columns';
   * const env = createEnvironment();
   * const schema = ColumnSchema.of({ key: DataTypes.INT().notNull(), at: DataTypes.BIGINT().notNull() });
   * const source = generatorSource(
   *   (index) => schema.batch({ key: Int32Array.of(1, 2, 3), at: Float64Array.of(index, index, index) }),
   *   { count: 10 },
   * );
   * const columns = env.fromColumnSource(source, schema, { timestamp: 'at', maxOutOfOrdernessMs: 0 });
   * ```
   */
  fromColumnSource<Row, Split, State>(
    source: Source<ColumnBatch, Split, State>,
    schema: ColumnSchema<Row>,
    settings: ColumnSourceSettings<Row> = {},
    name: string = source.name,
  ): OperatorColumnStream<Row> {
    return schema.fromSource(this.#scope, source, settings, name);
  }

  #source<T, Split, State>(
    source: Source<T, Split, State>,
    strategy: WatermarkStrategy<T>,
    name: string,
  ): SingleOutputStream<T> {
    const erased = source as unknown as Source<T, never, never>;
    const node = this.#scope.graph.add({
      name: `Source: ${name}`,
      definition: (settings) => sourceDefinition(erased, strategy, settings),
      inputs: [],
      source: erased,
      ...(source.parallelism === undefined ? {} : { fixedParallelism: source.parallelism }),
    });
    return STREAMS.single<T>(this.#scope, node);
  }

  // Settings.

  /**
   * Subtasks of the operators that are added from now on.
   *
   * @throws OPTION_INVALID when it is no whole number from 1 to 32,768.
   */
  setParallelism(parallelism: number): this {
    this.#settings.set({ parallelism });
    return this;
  }

  getParallelism(): number {
    return this.#settings.current.parallelism;
  }

  /** Key groups of operators that set none of their own. */
  setMaxParallelism(maxParallelism: number): this {
    this.#settings.set({ maxParallelism });
    return this;
  }

  /** Milliseconds that a part-filled batch may wait; 0: none, -1: until it is full. Default 5. */
  setBufferTimeout(milliseconds: number): this {
    this.#settings.set({ bufferTimeoutMs: milliseconds });
    return this;
  }

  /** Gives every operator a task of its own. */
  disableOperatorChaining(): this {
    this.#settings.set({ chaining: false });
    return this;
  }

  /**
   * What each slot of a slot sharing group must offer: JavaScript heap, and a share of a core. Slots that do are chosen;
   * where there are too few, the job fails with RESOURCES_INSUFFICIENT.
   *
   * @throws OPTION_INVALID when more than one core is asked for: a slot is one thread.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * env.registerSlotSharingGroup('models', { heapMegabytes: 2_048 });
   * env.fromData('to be').map((line) => line.length).slotSharingGroup('models').print();
   * ```
   */
  registerSlotSharingGroup(name: string, resources: SlotResources): this {
    this.#settings.set({ slotSharingGroups: { ...this.#settings.current.slotSharingGroups, [name]: resources } });
    return this;
  }

  /**
   * Takes a checkpoint every `intervalMs` milliseconds.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * env.enableCheckpointing(10_000, { timeoutMs: 60_000 });
   * ```
   */
  enableCheckpointing(intervalMs: number, options: Partial<Omit<CheckpointSettings, 'intervalMs'>> = {}): this {
    this.#settings.set({ checkpoint: { ...options, intervalMs } });
    return this;
  }

  /**
   * Parameters that functions read from their runtime context, beside those that the job is started with, which win.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * env.setGlobalJobParameters({ region: 'eu' });
   * ```
   */
  setGlobalJobParameters(parameters: Readonly<Record<string, unknown>>): this {
    this.#settings.set({ globalJobParameters: parameters });
    return this;
  }

  /**
   * Names a file for functions, which find its path by `cachedFile(name)` of their runtime context. A file of the file
   * system is read where it lies, so every machine must have it there; of `s3:` and other stores each slot gets a copy
   * before its tasks start, which is removed when they end.
   *
   * @param path Path, or URL of a file; relative paths begin where the process was started.
   * @throws OPTION_INVALID when another file has the name.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * env.registerCachedFile(new URL(import.meta.url).pathname, 'source');
   * class Lines implements MapFunction<string, string> {
   *   #path = '';
   *   open(context: RuntimeContext): void {
   *     this.#path = context.cachedFile('source');
   *   }
   *   map(line: string): string {
   *     return `${this.#path}: ${line}`;
   *   }
   * }
   * env.fromData('to be').map(Lines).print();
   * await env.execute();
   * ```
   */
  registerCachedFile(path: string, name: string): this {
    const { cachedFiles } = this.#settings.current;
    if (Object.hasOwn(cachedFiles, name) && cachedFiles[name] !== path)
      throw new MillstreamError(
        'OPTION_INVALID',
        `There are two cached files "${name}". Give each a name of its own.`,
        {
          details: { name },
        },
      );
    this.#settings.set({ cachedFiles: { ...cachedFiles, [name]: path } });
    return this;
  }

  /** Path or URL below which savepoints go that name no place of their own. */
  setDefaultSavepointDirectory(directory: string): this {
    this.#settings.set({ checkpoint: { savepointDirectory: directory } });
    return this;
  }

  /**
   * Tells a listener when the job has been submitted, and when `execute` has brought it to its end.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * env.registerJobListener({
   *   onJobSubmitted: (client) => console.log('submitted', client?.jobId),
   *   onJobExecuted: (result) => console.log('took', result?.durationMs, 'ms'),
   * });
   * env.fromData('to be').print();
   * await env.execute('told');
   * ```
   */
  registerJobListener(listener: JobListener): this {
    this.#listeners.add(listener);
    return this;
  }

  /** What happens after a failure. Default: exponential delay when checkpoints are on, else none. */
  setRestartStrategy(restart: RestartStrategy): this {
    this.#settings.set({ restart });
    return this;
  }

  /**
   * `streaming` (the default); `batch`: keyed operators work key by key when their bounded input has ended; `automatic`:
   * batch when all sources are bounded.
   */
  setRuntimeMode(mode: RuntimeMode): this {
    this.#settings.set({ runtimeMode: mode });
    return this;
  }

  /** Milliseconds between two watermarks of a source; 0 turns periodic watermarks off. Default 200. */
  setAutoWatermarkInterval(interval: number | string): this {
    this.#settings.set({ autoWatermarkIntervalMs: durationMs(interval, 'autoWatermarkInterval') });
    return this;
  }

  /**
   * Any of the typed settings; docs/guide/options.md lists them. Those of checkpoints may be given in part as well.
   *
   * @throws OPTION_INVALID when one is out of its range.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * env.set({ batchRows: 64, checkpoint: { intervalMs: 10_000 } });
   * ```
   */
  set(settings: SettingsPart): this {
    this.#settings.set(settings);
    return this;
  }

  /**
   * Options by Flink's keys, with the values that Flink's configuration files have.
   *
   * @throws OPTION_INVALID for a value that does not fit, and for an unknown key, naming the nearest known one.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * env.configure({ 'parallelism.default': 2, 'execution.checkpointing.interval': '10 s' });
   * ```
   */
  configure(options: Readonly<Record<string, unknown>>): this {
    this.#settings.configure(options);
    return this;
  }

  /**
   * Lets instances of a class cross threads and enter state, under a name that outlives renaming the class. Without a
   * codec, an instance is its own fields and its prototype.
   *
   * @throws OPTION_INVALID when the name belongs to another class.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * class Point {
   *   x = 0;
   *   y = 0;
   * }
   * env.registerType('Point', Point);
   * ```
   */
  registerType<T extends object>(name: string, type: InstanceClass<T>, codec?: InstanceCodec<T>): this {
    this.#types.register(name, type, codec);
    return this;
  }

  // Execution.

  /** The graph as described so far. */
  buildGraph(jobName?: string): StreamGraph {
    return this.#scope.graph.build(this.#nameOf(jobName), this.#settings.current, this.#types);
  }

  /**
   * What would run: the operators and the tasks they are chained into.
   *
   * @throws GRAPH_INVALID when the job could not run.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * env.fromData('to be').print();
   * console.log(String(env.getExecutionPlan()));
   * ```
   */
  getExecutionPlan(): ExecutionPlan {
    return executionPlan(this.buildGraph());
  }

  /**
   * Runs the job and resolves when it has ended.
   *
   * @throws GRAPH_INVALID and the like before it starts; ENVIRONMENT_CLOSED when it has been executed before; and whatever
   * the job fails with.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * env.fromData('to be').print();
   * const { durationMs } = await env.execute('word count');
   * ```
   */
  execute(jobName?: string, options: LaunchOptions = {}): Promise<JobExecutionResult> {
    return this.executeAsync(jobName, options).then((client) =>
      this.#listeners.told(client.result(), (listener, result, error) => listener.onJobExecuted?.(result, error)),
    );
  }

  /**
   * Starts the job and resolves with its client: to cancel it, to stop it with a savepoint, to read its metrics, its
   * results and its end.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * env.fromGenerator((index) => index, { recordsPerSecond: 10 }).sinkTo(discardSink());
   * const client = await env.executeAsync('clicks');
   * await client.cancel();
   * ```
   */
  executeAsync(jobName?: string, options: LaunchOptions = {}): Promise<JobClient> {
    const launcher = this.#launcher;
    if (launcher === undefined) {
      // Thrown at once: a program inside job(…) is synchronous, and would leave a rejection to nobody.
      throw new MillstreamError(
        'JOB_MODULE_INVALID',
        'Inside job(…) the program only describes the job; whoever loads the module executes it. Remove execute() from it.',
      );
    }
    return this.#listeners.told(this.#launch(launcher, jobName, options), (listener, client, error) =>
      listener.onJobSubmitted?.(client, error),
    );
  }

  async #launch(launcher: Launcher, jobName: string | undefined, options: LaunchOptions): Promise<JobClient> {
    this.#scope.graph.assertOpen('it cannot be executed again');
    const graph = this.buildGraph(jobName);
    executionPlan(graph);
    this.#scope.graph.close(`The environment has executed the job "${graph.jobName}"`);
    return await launcher.launch(graph, { parameters: this.parameters, ...options });
  }

  #nameOf(jobName: string | undefined): string {
    return jobName ?? this.#settings.jobName ?? this.#jobName;
  }

  /** Attaches the collecting sink at once, and executes when the first record is asked for. */
  #iterate<T>(stream: StreamHandle, jobName: string | undefined): AsyncIterableIterator<T> {
    const uid = `collect-${this.#collected++}`;
    attachCollectSink(stream, uid);
    return this.#results<T>(uid, jobName);
  }

  async *#results<T>(uid: string, jobName: string | undefined): AsyncIterableIterator<T> {
    const client = await this.executeAsync(jobName);
    // Leaving the loop early returns the iterator, which cancels the job.
    yield* client.collected<T>(uid);
    await client.result();
  }
}
