/** The end of a stream: a sink under construction. */

import type { NodeDraft } from './graph-builder.ts';
import { OperatorSettings } from './operator-settings.ts';
import type { StreamScope } from './stream-handle.ts';

/**
 * A sink that was added to the job, for its settings.
 *
 * @example
 * ```ts
 * const env = createEnvironment();
 * env.fromData(1, 2, 3).print().name('numbers').setParallelism(1);
 * ```
 */
export class DataStreamSink {
  readonly #settings: OperatorSettings;

  constructor(scope: StreamScope, node: NodeDraft) {
    this.#settings = new OperatorSettings(scope.graph, node);
  }

  /** The name that plans, metrics and errors show. */
  name(name: string): this {
    this.#settings.name(name);
    return this;
  }

  /** Identifies the sink's state across versions of the job. Unique in the job. */
  uid(uid: string): this {
    this.#settings.uid(uid);
    return this;
  }

  /** A longer text for the plan. */
  setDescription(description: string): this {
    this.#settings.description(description);
    return this;
  }

  /** @throws OPTION_INVALID when it is no whole number from 1 to 32,768, or the sink has one parallelism only. */
  setParallelism(parallelism: number): this {
    this.#settings.parallelism(parallelism);
    return this;
  }

  /** @throws OPTION_INVALID when it is no whole number from 1 to 32,768. */
  setMaxParallelism(maxParallelism: number): this {
    this.#settings.maxParallelism(maxParallelism);
    return this;
  }

  /** Runs the sink in a task of its own. */
  disableChaining(): this {
    this.#settings.disableChaining();
    return this;
  }

  /** Operators of different groups never share a slot. */
  slotSharingGroup(group: string): this {
    this.#settings.slotSharingGroup(group);
    return this;
  }

  /** Says more about the operator in its metrics than its name. */
  addMetricVariable(key: string, value: string): this {
    this.#settings.metricVariable(key, value);
    return this;
  }
}
