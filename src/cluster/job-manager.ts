/**
 * A JobManager: takes TaskManagers in, takes jobs, and lets each job speak to the slots that it was given.
 *
 * It listens on the World's network; whoever connects is a TaskManager. It shares no object with one.
 */

import { describeThrown, MillstreamError, deserializeError } from '../base/error.ts';
import type { Connection, Listener, World } from '../base/world.ts';
import type { JobOptions } from './attempt.ts';
import type { FromClient, JobSubmission, ToClient } from './client-protocol.ts';
import { ClientSession, type JobHolder } from './client-session.ts';
import { CheckpointStores } from '../checkpoint/storage/stores.ts';
import { Heartbeat, type HeartbeatOptions } from './heartbeat.ts';
import { EndedJob, type HeldJob, type JobEnd } from './held-job.ts';
import type { CheckpointPlace, JobStore, StoredJob } from './job-store.ts';
import { JobStorage } from '../checkpoint/storage/job-storage.ts';
import { checkpointDirectory, type CheckpointSettings } from '../graph/settings.ts';
import { Job } from './job.ts';
import { fitSlots, type AssignedSlot, type SlotDemands } from './placement.ts';
import type { FromTaskManager, SlotOffer, ToTaskManager } from './messages.ts';
import { loadGraph } from './program.ts';
import { Wire } from './wire.ts';

/** A job that could not be taken up, because its storage did not answer, is tried again this long after. */
const TAKE_UP_AGAIN_MS = 1_000;

/** Jobs that have ended and can still be asked about. */
const ENDED_KEPT = 100;

interface TaskManagerSeat {
  readonly id: string;
  readonly wire: Wire<ToTaskManager, FromTaskManager>;
  offers: readonly SlotOffer[];
}

export interface JobManagerOptions {
  readonly world: World;
  /** How a TaskManager that has stopped without a word is noticed; absent inside one process. */
  readonly heartbeat?: HeartbeatOptions;
  /** Where submitted jobs survive this process; absent where they end with it. */
  readonly store?: JobStore;
}

export class JobManager implements JobHolder {
  readonly #world: World;
  readonly #heartbeat: HeartbeatOptions | undefined;
  readonly #store: JobStore | undefined;
  readonly #taskManagers = new Map<string, TaskManagerSeat>();
  readonly #stores: CheckpointStores;
  readonly #jobs = new Map<string, Job>();
  /** Jobs that have ended, the oldest first. */
  readonly #ended = new Map<string, HeldJob>();
  readonly #waiting: { readonly served: () => boolean; readonly resolve: () => void }[] = [];
  #listener: Listener | undefined;
  #closed = false;

  constructor(options: JobManagerOptions) {
    this.#world = options.world;
    this.#heartbeat = options.heartbeat;
    this.#store = options.store;
    this.#stores = new CheckpointStores(options.world);
  }

  /** Starts to take TaskManagers and clients in; resolves with the address for them to connect to. */
  async listen(address: string): Promise<string> {
    this.#listener = await this.#world.network.listen(address, (connection) => this.#accept(connection));
    return this.#listener.address;
  }

  /** The first message tells who has connected. */
  #accept(connection: Connection): void {
    const wire = new Wire<ToTaskManager | ToClient, FromTaskManager | FromClient>(connection);
    let receive: ((message: never) => void) | undefined;
    wire.onMessage((message) => {
      receive ??=
        message.kind === 'client'
          ? this.#client(wire as unknown as Wire<ToClient, FromClient>)
          : this.#taskManager(wire as unknown as Wire<ToTaskManager, FromTaskManager>);
      receive(message as never);
    });
  }

  #client(wire: Wire<ToClient, FromClient>): (message: FromClient) => void {
    const session = new ClientSession(wire, this);
    return (message) => session.receive(message);
  }

  #taskManager(wire: Wire<ToTaskManager, FromTaskManager>): (message: FromTaskManager) => void {
    let seat: TaskManagerSeat | undefined;
    const leave = (reason: string): void => {
      heartbeat?.stop();
      if (seat !== undefined && this.#taskManagers.get(seat.id) === seat) this.#vacate(seat.id, reason);
    };
    const heartbeat =
      this.#heartbeat &&
      new Heartbeat(
        this.#world.clock,
        this.#heartbeat,
        () => wire.send({ kind: 'heartbeat' }),
        (reason) => {
          leave(reason);
          wire.close();
        },
      );
    wire.onClose((reason) => leave(reason?.message ?? 'its connection was closed'));
    return (message) => {
      heartbeat?.heard();
      if (message.kind === 'register') {
        const before = this.#taskManagers.get(message.taskManager);
        this.#vacate(message.taskManager, 'it has registered again, and what it ran before is lost');
        if (before !== undefined && before.wire !== wire) before.wire.close();
        seat = { id: message.taskManager, wire, offers: message.slots };
        this.#taskManagers.set(seat.id, seat);
        this.#registered();
      } else if (message.kind !== 'heartbeat' && seat !== undefined && this.#taskManagers.get(seat.id) === seat) {
        this.#received(seat, message);
      }
    };
  }

  /** Nobody sits there any more: the jobs learn that what ran in its slots is lost. */
  #vacate(id: string, reason: string): void {
    if (!this.#taskManagers.delete(id)) return;
    const lost = new MillstreamError('SLOT_LOST', `TaskManager ${id} is gone: ${reason}.`);
    for (const job of this.#jobs.values()) job.slotLost(id, undefined, lost);
  }

  #received(seat: TaskManagerSeat, message: Extract<FromTaskManager, { kind: 'slot' | 'slot-lost' }>): void {
    if (message.kind === 'slot') {
      this.#jobs.get(message.message.jobId)?.fromSlot(seat.id, message.slot, message.message);
      return;
    }
    seat.offers = seat.offers.map((offer) => (offer.slot === message.slot ? message.offer : offer));
    for (const job of this.#jobs.values()) job.slotLost(seat.id, message.slot, deserializeError(message.error));
  }

  get slots(): number {
    return this.#offered.length;
  }

  get #offered(): readonly AssignedSlot[] {
    return [...this.#taskManagers.values()].flatMap((seat) =>
      seat.offers.map((offer) => ({ taskManager: seat.id, offer })),
    );
  }

  /** Resolves once at least so many slots are registered. */
  hasSlots(slots: number): Promise<void> {
    return this.#onceSlots(() => this.slots >= slots);
  }

  async #onceSlots(served: () => boolean): Promise<void> {
    if (served()) return;
    await new Promise<void>((resolve) => this.#waiting.push({ served, resolve }));
  }

  #registered(): void {
    const served = this.#waiting.filter((waiter) => waiter.served());
    for (const waiter of served) {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.resolve();
    }
  }

  #takeSlots(jobName: string, demands: SlotDemands): readonly AssignedSlot[] {
    const all = this.#offered;
    const taken = fitSlots(all, demands);
    if (taken !== undefined) return taken;
    if (all.length < demands.length)
      throw new MillstreamError(
        'RESOURCES_INSUFFICIENT',
        `Job "${jobName}" needs ${demands.length} slots, but the cluster has ${all.length}. Lower the parallelism, or start with more slots.`,
      );
    const heaps = all.map(({ offer }) => offer.heapMegabytes ?? Infinity);
    throw new MillstreamError(
      'RESOURCES_INSUFFICIENT',
      `Job "${jobName}" has slot sharing groups that ask for slots of up to ${Math.max(...demands)} MB of heap, but the slots of the cluster have ${Math.min(...heaps)} to ${Math.max(...heaps)} MB. Start it with a larger slotHeapMegabytes, or ask for less.`,
    );
  }

  /**
   * Starts a job; resolves once it is known what it starts from. Its end is the caller's to await by `job.result()`.
   */
  async submit(
    options: Omit<JobOptions, 'world' | 'stores' | 'takeSlots' | 'hasSlots' | 'send' | 'ended'>,
  ): Promise<Job> {
    const job = new Job({
      ...options,
      world: this.#world,
      stores: this.#stores,
      takeSlots: (demands) => this.#takeSlots(options.graph.jobName, demands),
      hasSlots: (demands) => this.#onceSlots(() => fitSlots(this.#offered, demands) !== undefined),
      send: (taskManager, message) => this.#taskManagers.get(taskManager)?.wire.send(message),
      ended: () => this.#hasEnded(options.jobId),
    });
    this.#jobs.set(options.jobId, job);
    try {
      await job.start();
    } catch (error) {
      this.#jobs.delete(options.jobId);
      throw error;
    }
    return job;
  }

  #hasEnded(jobId: string): void {
    const job = this.#jobs.get(jobId);
    if (job === undefined || !this.#jobs.delete(jobId)) return;
    this.#remember(jobId, job);
  }

  /** An ended job can be asked about until so many others have ended after it. */
  #remember(jobId: string, job: HeldJob): void {
    this.#ended.set(jobId, job);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size <= ENDED_KEPT || oldest === undefined) return;
    this.#ended.delete(oldest);
    this.#store?.remove(oldest).catch((error: unknown) => this.#world.print(describeThrown(error), 'error'));
  }

  job(jobId: string): HeldJob | undefined {
    return this.#jobs.get(jobId) ?? this.#ended.get(jobId);
  }

  /** Takes a job, durably where this JobManager has a store. Taking one again changes nothing. */
  async take(submission: JobSubmission): Promise<HeldJob> {
    const known = this.job(submission.jobId);
    if (known !== undefined) return known;
    const store = this.#store;
    if (store === undefined) return await this.#start(submission, 0);
    const stored = await store.find(submission.jobId);
    if (stored !== undefined) return await this.#takeUp(store, stored);
    await store.save(submission);
    try {
      return await this.#start(submission, 0);
    } catch (error) {
      await store.remove(submission.jobId);
      throw error;
    }
  }

  async #start(submission: JobSubmission, attemptsBefore: number): Promise<HeldJob> {
    const graph = await loadGraph(submission.program, submission.parameters);
    // Another client may have been quicker meanwhile.
    const known = this.job(submission.jobId);
    if (known !== undefined) return known;
    const store = this.#store;
    return await this.submit({
      ...submission,
      graph,
      attemptsBefore,
      waitForSlots: true,
      ...(store === undefined
        ? {}
        : { noteEnd: (end: JobEnd) => store.end(submission, end, checkpointPlace(graph.settings.checkpoint)) }),
    });
  }

  /** Takes up the jobs that a JobManager before this one left behind. */
  async recover(): Promise<void> {
    const store = this.#store;
    if (store === undefined) return;
    for (const stored of await store.all()) {
      try {
        await this.#takeUp(store, stored);
      } catch (error) {
        // It stays noted, and is found again when somebody asks for it. The others go on.
        const { jobId } = stored.submission;
        this.#world.print(`Job ${jobId} could not be taken up: ${describeThrown(error)}`, 'error');
        this.#world.clock.after(TAKE_UP_AGAIN_MS, () => void this.#takeUpLater(jobId));
      }
    }
  }

  async #takeUpLater(jobId: string): Promise<void> {
    if (this.#closed || this.job(jobId) !== undefined) return;
    try {
      const stored = await this.#store?.find(jobId);
      if (stored !== undefined) await this.#takeUp(this.#store as JobStore, stored);
    } catch {
      this.#world.clock.after(TAKE_UP_AGAIN_MS, () => void this.#takeUpLater(jobId));
    }
  }

  async #takeUp(store: JobStore, stored: StoredJob): Promise<HeldJob> {
    if (stored.end !== undefined) return await this.#clean(stored, stored.end);
    const { submission, attemptsBefore } = await store.takeUp(stored);
    return await this.#start(submission, attemptsBefore);
  }

  /** The job has ended, but what it left behind may not be removed. */
  async #clean({ submission, checkpoints }: StoredJob, end: JobEnd): Promise<HeldJob> {
    const { jobId, program, parameters } = submission;
    const ended = new EndedJob(end);
    this.#remember(jobId, ended);
    if (checkpoints === undefined) return ended;
    // The module may bring the store of its checkpoints.
    await loadGraph(program, parameters);
    const storage = await JobStorage.open({ jobId, ...checkpoints }, this.#world, this.#stores);
    if (storage.ended === undefined && storage.epoch > 0) await storage.close(end.outcome.status);
    return ended;
  }

  /** Cancels what runs, and takes nobody in any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#jobs.values()].map((job) => job.cancel()));
    await this.#listener?.close();
    for (const seat of this.#taskManagers.values()) seat.wire.close();
    this.#taskManagers.clear();
    await this.#stores.close();
  }
}

function checkpointPlace(settings: CheckpointSettings): CheckpointPlace | undefined {
  const directory = checkpointDirectory(settings);
  if (directory === undefined) return undefined;
  return { directory, retained: settings.retained, retention: settings.externalizedRetention };
}
