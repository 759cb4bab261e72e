/**
 * The client of a cluster in other processes: submits job modules to its JobManager and asks about them.
 *
 * The JobManager may die and come back: the client connects again, and what it asked that changes nothing is asked
 * again. What may have been carried out already is not: it fails with CHANNEL_LOST.
 */

import { deserializeError, MillstreamError } from '../base/error.ts';
import type { Milliseconds, World } from '../base/world.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type {
  JobClient,
  JobExecutionResult,
  JobFailure,
  JobMetrics,
  JobStatus,
  SavepointHandle,
  SavepointOptions,
} from '../graph/launch.ts';
import type { StreamGraph } from '../graph/stream-graph.ts';
import type { CollectedBatch } from '../operator/collect-sink.ts';
import type { FromClient, JobQuestion, JobSubmission, ToClient } from './client-protocol.ts';
import { CollectedValues, type BatchSource } from './result-queue.ts';
import { Wire } from './wire.ts';

/** While the JobManager cannot be reached, it is tried again this often. */
const RETRY_MS: Milliseconds = 100;

interface Asked {
  readonly message: Extract<FromClient, { readonly request: number }>;
  readonly repeatable: boolean;
  readonly answer: PromiseWithResolvers<unknown>;
}

export class ClusterClient {
  readonly #world: World;
  readonly #address: () => string;
  readonly #asked = new Map<number, Asked>();
  #wire: Wire<FromClient, ToClient> | undefined;
  #requests = 0;
  #closed = false;

  /** @param address where the JobManager listens now; asked again before every attempt to connect. */
  constructor(world: World, address: () => string) {
    this.#world = world;
    this.#address = address;
    void this.#connect();
  }

  async #connect(): Promise<void> {
    while (!this.#closed) {
      try {
        const connection = await this.#world.network.connect(this.#address());
        this.#greet(new Wire<FromClient, ToClient>(connection));
        return;
      } catch {
        await new Promise<void>((resolve) => void this.#world.clock.after(RETRY_MS, resolve));
      }
    }
  }

  #greet(wire: Wire<FromClient, ToClient>): void {
    if (this.#closed) return wire.close();
    this.#wire = wire;
    wire.onMessage((message) => this.#answered(message));
    wire.onClose(() => this.#lost());
    wire.send({ kind: 'client' });
    for (const { message } of this.#asked.values()) wire.send(message);
  }

  #lost(): void {
    this.#wire = undefined;
    if (this.#closed) return;
    for (const [request, asked] of this.#asked) {
      if (asked.repeatable) continue;
      this.#asked.delete(request);
      asked.answer.reject(
        new MillstreamError(
          'CHANNEL_LOST',
          'The JobManager was lost before it answered. Ask for the state of the job.',
        ),
      );
    }
    void this.#connect();
  }

  #answered(message: ToClient): void {
    const asked = this.#asked.get(message.request);
    this.#asked.delete(message.request);
    if (message.kind === 'answer') asked?.answer.resolve(message.value);
    else asked?.answer.reject(deserializeError(message.error));
  }

  #send(make: (request: number) => Asked['message'], repeatable: boolean): Promise<unknown> {
    const request = this.#requests++;
    const asked: Asked = { message: make(request), repeatable, answer: Promise.withResolvers() };
    this.#asked.set(request, asked);
    this.#wire?.send(asked.message);
    return asked.answer.promise;
  }

  /** Resolves once the cluster has at least so many slots. */
  async hasSlots(slots: number): Promise<void> {
    await this.#send((request) => ({ kind: 'slots', request, slots }), true);
  }

  /** Starts a job. Submitting one under an id that is known changes nothing, so that it can be repeated. */
  async submit(graph: StreamGraph, submission: JobSubmission): Promise<JobClient> {
    await this.#send((request) => ({ kind: 'submit', request, submission }), true);
    return this.job(submission.jobId, graph.jobName, graph.types);
  }

  /** The client of a job that was submitted before. */
  job(jobId: string, jobName: string, types: TypeRegistry): JobClient {
    return new RemoteJobClient(jobId, jobName, types, (question, repeatable) =>
      this.#send((request) => ({ kind: 'ask', request, jobId, question }), repeatable),
    );
  }

  close(): void {
    this.#closed = true;
    this.#wire?.close();
    for (const { answer } of this.#asked.values()) {
      answer.promise.catch(() => {});
      answer.reject(new MillstreamError('CHANNEL_LOST', 'The client of the cluster was closed.'));
    }
    this.#asked.clear();
  }
}

class RemoteJobClient implements JobClient {
  readonly jobId: string;
  readonly jobName: string;
  readonly #types: TypeRegistry;
  readonly #ask: (question: JobQuestion, repeatable: boolean) => Promise<unknown>;

  constructor(
    jobId: string,
    jobName: string,
    types: TypeRegistry,
    ask: (question: JobQuestion, repeatable: boolean) => Promise<unknown>,
  ) {
    this.jobId = jobId;
    this.jobName = jobName;
    this.#types = types;
    this.#ask = ask;
  }

  async status(): Promise<JobStatus> {
    return (await this.#ask({ kind: 'status' }, true)) as JobStatus;
  }

  async cancel(): Promise<void> {
    await this.#ask({ kind: 'cancel' }, true);
  }

  async stopWithSavepoint(options: SavepointOptions & { readonly drain?: boolean } = {}): Promise<SavepointHandle> {
    const { drain = false, ...rest } = options;
    return (await this.#ask({ kind: 'stop', drain, options: rest }, false)) as SavepointHandle;
  }

  async triggerSavepoint(options: SavepointOptions = {}): Promise<SavepointHandle> {
    return (await this.#ask({ kind: 'savepoint', options }, false)) as SavepointHandle;
  }

  async triggerCheckpoint(): Promise<number> {
    return (await this.#ask({ kind: 'checkpoint' }, false)) as number;
  }

  async result(): Promise<JobExecutionResult> {
    return (await this.#ask({ kind: 'result' }, true)) as JobExecutionResult;
  }

  async metrics(): Promise<JobMetrics> {
    return (await this.#ask({ kind: 'metrics' }, true)) as JobMetrics;
  }

  async exceptions(): Promise<readonly JobFailure[]> {
    return (await this.#ask({ kind: 'exceptions' }, true)) as readonly JobFailure[];
  }

  collected<T>(operatorId: string): AsyncIterableIterator<T> {
    const source: BatchSource = {
      nextBatch: async (taken) =>
        (await this.#ask({ kind: 'next', operatorId, taken }, true)) as CollectedBatch | undefined,
      leave: async () => void (await this.#ask({ kind: 'leave', operatorId }, true)),
    };
    return new CollectedValues(source, this.#types) as AsyncIterableIterator<T>;
  }
}
