/** What may be set on a node while its graph is under construction, with the checks that need no graph. */

import { MillstreamError } from '../base/error.ts';
import type { GraphBuilder, NodeDraft } from './graph-builder.ts';

/** Bounds of Flink. */
const PARALLELISM_MAX = 32_768;

/** Longest wait for a part-filled batch that makes sense: an hour. */
const BUFFER_TIMEOUT_MS_MAX = 3_600_000;

export class OperatorSettings {
  readonly #graph: GraphBuilder;
  readonly #node: NodeDraft;

  constructor(graph: GraphBuilder, node: NodeDraft) {
    this.#graph = graph;
    this.#node = node;
  }

  name(name: string): void {
    this.#open().name = name;
  }

  uid(uid: string): void {
    const node = this.#open();
    if (uid === '') throw this.#invalid('uid must not be empty');
    node.uid = uid;
  }

  description(description: string): void {
    this.#open().description = description;
  }

  parallelism(parallelism: number): void {
    const node = this.#open();
    this.#whole('parallelism', parallelism, 1, PARALLELISM_MAX);
    if (node.fixedParallelism !== undefined && parallelism !== node.fixedParallelism) {
      throw this.#invalid(
        `it can only run with parallelism ${node.fixedParallelism}, and ${parallelism} was asked for`,
      );
    }
    node.parallelism = parallelism;
  }

  maxParallelism(maxParallelism: number): void {
    const node = this.#open();
    this.#whole('maxParallelism', maxParallelism, 1, PARALLELISM_MAX);
    node.maxParallelism = maxParallelism;
  }

  nonParallel(): void {
    const node = this.#open();
    node.parallelism = 1;
    node.maxParallelism = 1;
    node.fixedParallelism = 1;
  }

  disableChaining(): void {
    this.#open().chaining = 'never';
  }

  startNewChain(): void {
    this.#open().chaining = 'head';
  }

  slotSharingGroup(group: string): void {
    const node = this.#open();
    if (group === '') throw this.#invalid('slotSharingGroup must not be empty');
    node.slotSharingGroup = group;
  }

  metricVariable(key: string, value: string): void {
    const node = this.#open();
    if (key === '') throw this.#invalid('the key of a metric variable must not be empty');
    node.metricVariables = { ...node.metricVariables, [key]: value };
  }

  bufferTimeout(milliseconds: number): void {
    const node = this.#open();
    this.#whole('bufferTimeout', milliseconds, -1, BUFFER_TIMEOUT_MS_MAX);
    node.bufferTimeoutMs = milliseconds;
  }

  #open(): NodeDraft {
    this.#graph.assertOpen(`the operator "${this.#node.name}" cannot be changed`);
    return this.#node;
  }

  #whole(setting: string, value: number, min: number, max: number): void {
    if (Number.isInteger(value) && value >= min && value <= max) return;
    throw this.#invalid(`${setting} must be a whole number from ${min} to ${max}, but is ${value}`);
  }

  #invalid(what: string): MillstreamError {
    return new MillstreamError('OPTION_INVALID', `Operator "${this.#node.name}": ${what}.`, {
      details: { operator: this.#node.name },
    });
  }
}
