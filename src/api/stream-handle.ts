/**
 * What a stream object is a handle to: a place in a graph under construction.
 *
 * All stream classes share it. Whoever adds an operator to the API works with handles: take the handle of each stream
 * that is read, `attach` a node, and let {@link StreamScope.make} turn the node into a stream.
 */

import type { Partitioning } from '../graph/stream-graph.ts';
import type { GraphBuilder, NodeDraft, NodeInit, StreamOrigin } from './graph-builder.ts';
import type { ResultReader } from './result-reader.ts';
import type { StreamFactory } from './stream-factory.ts';

/** What all streams of one environment share. */
export interface StreamScope {
  readonly graph: GraphBuilder;
  readonly make: StreamFactory;
  readonly results: ResultReader;
}

const FORWARD: Partitioning = Object.freeze({ kind: 'forward' });

export class StreamHandle {
  readonly scope: StreamScope;
  /** Several where the stream is a union. */
  readonly origins: readonly StreamOrigin[];

  constructor(scope: StreamScope, origins: readonly StreamOrigin[]) {
    this.scope = scope;
    this.origins = Object.freeze(origins);
  }

  /** The main output of a node, or its side output with the given id. */
  static of(scope: StreamScope, node: NodeDraft, side?: string): StreamHandle {
    return new StreamHandle(scope, [{ node, side, partitioning: FORWARD, chosen: false }]);
  }

  /** The same stream, dealt out otherwise. */
  partitioned(partitioning: Partitioning): StreamHandle {
    return new StreamHandle(
      this.scope,
      this.origins.map((origin) => ({ ...origin, partitioning, chosen: true })),
    );
  }

  /** Adds a node that reads this stream at input 0, and `more` at the inputs that follow. */
  attach(init: Omit<NodeInit, 'inputs'>, ...more: readonly StreamHandle[]): NodeDraft {
    return this.scope.graph.add({ ...init, inputs: [this, ...more].map((handle) => handle.origins) });
  }

  /** For messages: what feeds the stream. */
  get label(): string {
    return this.origins.map((origin) => `"${origin.node.name}"`).join(' and ');
  }
}
