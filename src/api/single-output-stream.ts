/** The stream that one operator makes, with the settings of that operator. */

import type { Undecodable } from '../connect/undecodable.ts';
import { dropTag, type Dropped, type DropReason } from '../operator/dropped.ts';
import { DataStream } from './data-stream.ts';
import type { NodeDraft } from './graph-builder.ts';
import { OperatorSettings } from './operator-settings.ts';
import type { OutputTag } from './output-tag.ts';
import { StreamHandle, type StreamScope } from './stream-handle.ts';

/**
 * The output of an operator. Its settings are those of the operator; each returns the stream itself.
 *
 * @example
 * ```ts
 * declare const lines: DataStream<string>;
 * const words = lines.flatMap((line) => line.split(' ')).name('words').uid('words').setParallelism(2);
 * ```
 */
export class SingleOutputStream<T> extends DataStream<T> {
  readonly #node: NodeDraft;
  readonly #settings: OperatorSettings;

  constructor(scope: StreamScope, node: NodeDraft) {
    super(StreamHandle.of(scope, node));
    this.#node = node;
    this.#settings = new OperatorSettings(scope.graph, node);
  }

  /** The name that plans, metrics and errors show. Default: what the operator is. */
  name(name: string): this {
    this.#settings.name(name);
    return this;
  }

  /**
   * Identifies the operator's state across versions of the job; without it the state is found by the operator's place
   * in the graph. Unique in the job.
   *
   * @throws OPTION_INVALID when it is empty.
   */
  uid(uid: string): this {
    this.#settings.uid(uid);
    return this;
  }

  /** A longer text for the plan. */
  setDescription(description: string): this {
    this.#settings.description(description);
    return this;
  }

  /**
   * How many subtasks the operator has. Default: the environment's at the moment the operator was added.
   *
   * @throws OPTION_INVALID when it is no whole number from 1 to 32,768, or the operator has one parallelism only.
   */
  setParallelism(parallelism: number): this {
    this.#settings.parallelism(parallelism);
    return this;
  }

  /**
   * The number of key groups, which bounds the parallelism for as long as the state lives.
   *
   * @throws OPTION_INVALID when it is no whole number from 1 to 32,768.
   */
  setMaxParallelism(maxParallelism: number): this {
    this.#settings.maxParallelism(maxParallelism);
    return this;
  }

  /** Parallelism 1, for good. */
  forceNonParallel(): this {
    this.#settings.nonParallel();
    return this;
  }

  /** Runs the operator in a task of its own: chained neither to its input nor to what reads it. */
  disableChaining(): this {
    this.#settings.disableChaining();
    return this;
  }

  /** Does not chain the operator to its input; what reads it may still be chained to it. */
  startNewChain(): this {
    this.#settings.startNewChain();
    return this;
  }

  /** Operators of different groups never share a slot. Default: the group of the inputs where they agree, else `default`. */
  slotSharingGroup(group: string): this {
    this.#settings.slotSharingGroup(group);
    return this;
  }

  /**
   * Milliseconds after which a part-filled batch leaves this operator for another task; 0: after every record, -1:
   * only when it is full. Default: the environment's.
   *
   * @throws OPTION_INVALID when it is no whole number from -1 to 3,600,000.
   */
  setBufferTimeout(milliseconds: number): this {
    this.#settings.bufferTimeout(milliseconds);
    return this;
  }

  /**
   * Says more about the operator in its metrics than its name: `client.metrics()` shows it as a variable of each subtask.
   *
   * @throws OPTION_INVALID when the key is empty.
   *
   * @example
   * ```ts
   * declare const lines: DataStream<string>;
   * const words = lines.flatMap((line) => line.split(' ')).addMetricVariable('team', 'search');
   * ```
   */
  addMetricVariable(key: string, value: string): this {
    this.#settings.metricVariable(key, value);
    return this;
  }

  /**
   * What the operator emitted to a side output.
   *
   * @example
   * ```ts
   * declare const lines: DataStream<string>;
   * const rejected = new OutputTag<string>('rejected');
   * const checked = lines.process({
   *   processElement(line, ctx, out: Collector<number>) {
   *     const parsed = Number(line);
   *     if (Number.isNaN(parsed)) ctx.output(rejected, line);
   *     else out.collect(parsed);
   *   },
   * });
   * checked.getSideOutput(rejected).print();
   * ```
   */
  getSideOutput<X>(tag: OutputTag<X>): DataStream<X> {
    const { scope } = this.handle;
    return scope.make.stream<X>(StreamHandle.of(scope, this.#node, tag.id));
  }

  /**
   * What the operator leaves out for a reason: records that are late for their window or join, that a source could not
   * read and was told to skip (`onUndecodable: 'skip'`), whose call failed (`onFailure: 'drop'`), state that expired
   * (`reportExpired` of its TTL), and what a process function drops itself. Each comes with where it was dropped, and why. Counted in the metric `dropped.REASON`.
   *
   * Records for which an operator has a side output of their own (`sideOutputLateData`, `onUndecodable: 'side-output'`)
   * go there, and are counted in the metric `sideOutput.REASON`.
   *
   * @example
   * ```ts
   * declare const readings: DataStream<{ sensor: string; value: number }>;
   * const sums = readings
   *   .keyBy((reading) => reading.sensor)
   *   .window(TumblingEventTimeWindows.of(60_000))
   *   .sum('value');
   * sums
   *   .getDropped<{ sensor: string; value: number }>('late')
   *   .map(({ value, timestamp }) => `${value.sensor} at ${timestamp}`)
   *   .print('late');
   * ```
   */
  getDropped(reason: 'undecodable'): DataStream<Dropped<Undecodable>>;
  getDropped<X>(reason: DropReason): DataStream<Dropped<X>>;
  getDropped<X>(reason: DropReason): DataStream<Dropped<X>> {
    const { scope } = this.handle;
    return scope.make.stream<Dropped<X>>(StreamHandle.of(scope, this.#node, dropTag(reason)));
  }
}
