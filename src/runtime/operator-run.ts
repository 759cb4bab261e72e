/**
 * One operator of a graph, run over elements outside of any job, for the sake of the state that it has afterwards.
 *
 * It runs in the same generated chain as in a job, as the only subtask, and sees no watermark: nothing that waits for
 * event time fires, so windows stay open. What it emits is dropped.
 */

import { MillstreamError } from '../base/error.ts';
import { Gate } from '../base/gate.ts';
import type { World } from '../base/world.ts';
import { NO_TIMESTAMP, RecordBatch } from '../data/record-batch.ts';
import type { JobVertex } from '../graph/job-graph.ts';
import { operatorId, type StreamGraph, type StreamNode } from '../graph/stream-graph.ts';
import type { OperatorSnapshot } from '../state/snapshot.ts';
import { Chain } from './chain.ts';

/** An element for the operator. */
export interface OperatorInput {
  readonly value: unknown;
  readonly timestamp?: number;
  readonly input?: number;
}

/** Elements go in so many at a time. */
const BATCH_ROWS = 1024;

/** @returns The state of the operator with this uid, as a savepoint would hold it. */
export async function stateAfter(
  world: World,
  graph: StreamGraph,
  uid: string,
  elements: Iterable<OperatorInput> | AsyncIterable<OperatorInput>,
  maxParallelism: number,
): Promise<OperatorSnapshot> {
  const run = new OperatorRun(world, graph, uid, maxParallelism);
  try {
    for await (const element of elements) run.take(element);
    return await run.snapshot();
  } finally {
    await run.close();
  }
}

class OperatorRun {
  readonly #world: World;
  readonly #gate: Gate;
  readonly #chain: Chain;
  readonly #mail: (() => void)[] = [];
  #batch = new RecordBatch(BATCH_ROWS);
  #input = 0;

  constructor(world: World, graph: StreamGraph, uid: string, maxParallelism: number) {
    this.#world = world;
    this.#gate = new Gate(world.clock, new Int32Array(1));
    const vertex = vertexOf(graph, uid, maxParallelism);
    this.#chain = new Chain(vertex, 0, this.#gate, [], {
      jobId: world.random.id(),
      jobName: graph.jobName,
      attempt: 1,
      mode: 'streaming',
      checkpointing: undefined,
      world,
      types: graph.types,
      parameters: {},
      mutationCheck: false,
      restore: undefined,
      mail: (callback) => void this.#mail.push(callback),
      fail: (error) => {
        throw error;
      },
      toCoordinator: () => {},
    });
    this.#chain.open();
    this.#settle();
  }

  take({ value, timestamp = NO_TIMESTAMP, input = 0 }: OperatorInput): void {
    if (input !== this.#input || this.#batch.count === BATCH_ROWS) this.#flush();
    this.#input = input;
    this.#batch.push(value, timestamp, 0);
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch.count === 0) return;
    this.#batch = new RecordBatch(BATCH_ROWS);
    this.#chain.announce(this.#input, batch);
    while (batch.cursor < batch.count) {
      const at = batch.cursor;
      this.#turn(() => this.#chain.code.run[this.#input]?.(batch), batch.values[at]);
      this.#settle();
      if (batch.cursor === at && this.#gate.held)
        throw new MillstreamError(
          'STATE_INVALID',
          'An operator that waits for the outside world while it takes elements cannot be bootstrapped: give its state entry by entry.',
        );
    }
  }

  #turn(work: () => void, record?: unknown): void {
    this.#gate.beginTurn(this.#world.clock.monotonic(), Infinity);
    try {
      work();
    } catch (error) {
      throw this.#chain.blame(error, record);
    }
  }

  /** What a task does between its inputs. */
  #settle(): void {
    do {
      this.#turn(() => {
        for (let callback = this.#mail.shift(); callback !== undefined; callback = this.#mail.shift()) callback();
        this.#gate.resumePaused();
      });
    } while (this.#gate.hasPaused || this.#mail.length > 0);
  }

  async snapshot(): Promise<OperatorSnapshot> {
    this.#flush();
    await this.#chain.beforeBarrier(1, 'savepoint');
    const snapshot = this.#chain.snapshot(1, 'savepoint');
    for (;;) {
      const result = snapshot.advance(() => true);
      if (result === 'done') break;
      if (result !== 'more') await result;
    }
    return (await snapshot.finish()).operators[0] as OperatorSnapshot;
  }

  async close(): Promise<void> {
    await this.#chain.close();
  }
}

/** The operator alone, with nobody behind it. */
function vertexOf(graph: StreamGraph, uid: string, maxParallelism: number): JobVertex {
  const node = graph.nodes.find((one) => operatorId(one) === uid) as StreamNode;
  return {
    id: 0,
    name: node.name,
    nodes: [{ ...node, parallelism: 1 }],
    chained: [],
    inputs: [],
    outputs: [],
    parallelism: 1,
    maxParallelism,
    slotSharingGroup: node.slotSharingGroup,
    slotHeapMegabytes: 0,
  };
}
