/**
 * A TaskManager: a process that offers slots to a JobManager and carries messages between it and them.
 *
 * Slots are worker threads, or, where all subtasks are to run side by side on the calling thread, one loop of that
 * thread that answers for all of them. The TaskManager makes the rings between its slots, because shared memory can
 * only be handed out from here; it starts a lost thread anew and reports what was lost with it.
 */

import { MillstreamError, serializeError } from '../base/error.ts';
import type { Connection, Doorbell, Thread, ThreadExit, World } from '../base/world.ts';
import { RING_BYTES } from '../exchange/channel.ts';
import { createRing, type RingMemory } from '../exchange/ring.ts';
import { buildJobGraph, targetSubtasks, type JobGraph, type JobVertex } from '../graph/job-graph.ts';
import { loadGraph } from './program.ts';
import type {
  Deployment,
  FromSlot,
  FromTaskManager,
  Placement,
  SlotAbandoned,
  SlotOffer,
  SlotRings,
  ToSlot,
  ToTaskManager,
} from './messages.ts';
import { channelName, Slot } from './slot.ts';
import { NO_RINGS, SlotChannels } from './slot-channels.ts';
import { Heartbeat, type HeartbeatOptions } from './heartbeat.ts';
import { Wire } from './wire.ts';

/** What a slot's thread is started with. */
export interface SlotThreadInput {
  readonly taskManager: string;
  readonly slot: number;
  readonly mailFlag: Int32Array<SharedArrayBuffer>;
  readonly bell: Int32Array<SharedArrayBuffer>;
  readonly listenAddress: string | undefined;
  readonly heapMegabytes: number;
}

/** The first message of a slot's thread: it is ready, and takes data at this address. */
export interface SlotReady {
  readonly kind: 'ready';
  readonly dataAddress: string | undefined;
}

export interface TaskManagerOptions {
  readonly world: World;
  readonly id: string;
  readonly slots: number;
  /** How slots run: each on a worker thread started from `entry`, or all on this thread. */
  readonly execution:
    | {
        readonly kind: 'threads';
        readonly entry: URL;
        readonly heapMegabytes: number;
        readonly newDoorbell: () => Doorbell;
      }
    | { readonly kind: 'inline'; readonly doorbell: Doorbell };
  /** Where slots take data from other processes (or from themselves, in tests). */
  readonly listenAddress: string | undefined;
  /** How a JobManager that has stopped without a word is noticed; absent inside one process. */
  readonly heartbeat?: HeartbeatOptions;
}

/** Where a TaskManager sits: its connection to a JobManager, while it stands. */
interface Seat {
  readonly wire: Wire<FromTaskManager, ToTaskManager>;
  readonly heartbeat: Heartbeat | undefined;
}

/** One place where tasks run: a thread with its slot, or this thread with all slots. */
interface Host {
  post(message: ToSlot): void;
  readonly bell: Int32Array;
  close(): Promise<void>;
}

export class TaskManager {
  readonly #options: TaskManagerOptions;
  readonly #hosts: Host[] = [];
  readonly #abandoned: (() => void)[] = [];
  #offers: SlotOffer[] = [];
  #seat: Seat | undefined;
  #closed = false;

  constructor(options: TaskManagerOptions) {
    this.#options = options;
  }

  /** Starts the slots. */
  async start(): Promise<void> {
    this.#offers = this.#options.execution.kind === 'inline' ? await this.#startInline() : await this.#startThreads();
  }

  /** Offers the slots to a JobManager; resolves with the reason when the connection to it is gone. */
  join(jobManager: Connection): Promise<string> {
    const left = Promise.withResolvers<string>();
    const wire = new Wire<FromTaskManager, ToTaskManager>(jobManager);
    const { world, heartbeat } = this.#options;
    const seat: Seat = {
      wire,
      heartbeat:
        heartbeat &&
        new Heartbeat(
          world.clock,
          heartbeat,
          () => wire.send({ kind: 'heartbeat' }),
          (reason) => {
            wire.close();
            this.#leave(seat, reason, left);
          },
        ),
    };
    this.#seat = seat;
    wire.onMessage((message) => {
      seat.heartbeat?.heard();
      if (this.#seat === seat) this.#receive(message);
    });
    wire.onClose((reason) => this.#leave(seat, reason?.message ?? 'the connection was closed', left));
    wire.send({ kind: 'register', taskManager: this.#options.id, slots: this.#offers });
    return left.promise;
  }

  #leave(seat: Seat, reason: string, left: PromiseWithResolvers<string>): void {
    seat.heartbeat?.stop();
    if (this.#seat === seat) this.#seat = undefined;
    left.resolve(reason);
  }

  /** Ends everything that runs in the slots: the JobManager that it ran for is gone. */
  async abandon(): Promise<void> {
    if (this.#closed) return;
    await Promise.all(
      this.#hosts.map((host, slot) => {
        const done = new Promise<void>((resolve) => (this.#abandoned[slot] = resolve));
        host.post({ kind: 'abandon' });
        return done;
      }),
    );
  }

  #send(message: FromTaskManager): void {
    this.#seat?.wire.send(message);
  }

  async #startInline(): Promise<SlotOffer[]> {
    const { world, id, slots, execution, listenAddress } = this.#options;
    if (execution.kind !== 'inline') return [];
    const numbers = Array.from({ length: slots }, (_, slot) => slot);
    const channels = new SlotChannels({
      world,
      taskManager: id,
      slots: numbers,
      doorbell: execution.doorbell,
      listenAddress,
    });
    const dataAddress = await channels.listen();
    const slot = new Slot(
      {
        world,
        taskManager: id,
        slot: 0,
        mailFlag: new Int32Array(new SharedArrayBuffer(4)),
        takeMail: () => {},
        doorbell: execution.doorbell,
        post: (message) => this.#fromSlot(0, message),
        heapLimitMegabytes: undefined,
      },
      channels,
    );
    this.#hosts.push({
      post: (message) => slot.handle(message),
      bell: execution.doorbell.cell,
      close: () => slot.close(),
    });
    return numbers.map((number) => ({ slot: number, host: 0, dataAddress, heapMegabytes: undefined }));
  }

  async #startThreads(): Promise<SlotOffer[]> {
    return await Promise.all(Array.from({ length: this.#options.slots }, (_, slot) => this.#startThread(slot)));
  }

  #startThread(slot: number): Promise<SlotOffer> {
    const { world, id, execution, listenAddress } = this.#options;
    if (execution.kind !== 'threads')
      throw new MillstreamError('INTERNAL_INVARIANT', 'threads are started only where slots are threads');
    const mailFlag = new Int32Array(new SharedArrayBuffer(4));
    const bell = execution.newDoorbell().cell;
    const input: SlotThreadInput = {
      taskManager: id,
      slot,
      mailFlag,
      bell,
      listenAddress,
      heapMegabytes: execution.heapMegabytes,
    };
    const thread = world.threads.spawn({
      name: `${id}/slot-${slot}`,
      entry: execution.entry,
      input,
      heapMegabytesMax: execution.heapMegabytes,
    });
    this.#hosts[slot] = threadHost(thread, mailFlag, bell);
    return new Promise((resolve, reject) => {
      thread.onMessage((message) => {
        const said = message as SlotReady | FromSlot | SlotAbandoned;
        if (said.kind === 'ready')
          resolve({ slot, host: slot, dataAddress: said.dataAddress, heapMegabytes: execution.heapMegabytes });
        else this.#fromSlot(slot, said);
      });
      thread.onExit((exit) => {
        const error = exitError(exit, id, slot, execution.heapMegabytes);
        reject(error);
        this.#abandoned[slot]?.();
        if (!this.#closed) void this.#replace(slot, error);
      });
    });
  }

  /** A thread ended: its tasks are lost, a new thread takes its slot. */
  async #replace(slot: number, error: MillstreamError): Promise<void> {
    let offer: SlotOffer;
    try {
      offer = await this.#startThread(slot);
    } catch {
      return;
    }
    this.#offers[slot] = offer;
    if (!this.#closed) this.#send({ kind: 'slot-lost', slot, error: serializeError(error), offer });
  }

  #fromSlot(slot: number, message: FromSlot | SlotAbandoned): void {
    if (message.kind === 'abandoned') this.#abandoned[slot]?.();
    else if (!this.#closed) this.#send({ kind: 'slot', slot, message });
  }

  #receive(message: ToTaskManager): void {
    if (message.kind === 'slot') this.#host(message.slot).post(message.message);
    else if (message.kind === 'deploy') void this.#deploy(message.slots, message.deployment);
  }

  #host(slot: number): Host {
    return (this.#options.execution.kind === 'inline' ? this.#hosts[0] : this.#hosts[slot]) as Host;
  }

  async #deploy(slots: readonly number[], deployment: Deployment): Promise<void> {
    if (this.#options.execution.kind === 'inline') {
      this.#host(0).post({ kind: 'deploy', deployment, rings: NO_RINGS });
      return;
    }
    try {
      const rings =
        slots.length === 1
          ? undefined
          : this.#makeRings(buildJobGraph(await loadGraph(deployment.program, deployment.parameters)), deployment);
      for (const slot of slots)
        this.#host(slot).post({ kind: 'deploy', deployment, rings: rings?.get(slot) ?? NO_RINGS });
    } catch (error) {
      const [first] = slots;
      if (first !== undefined)
        this.#fromSlot(first, {
          kind: 'deploy-failed',
          jobId: deployment.jobId,
          attempt: deployment.attempt,
          error: serializeError(error),
        });
    }
  }

  /** One ring per channel whose ends are in two slots of this process. */
  #makeRings(job: JobGraph, deployment: Deployment): Map<number, SlotRings> {
    const memory = new Map<number, Record<string, RingMemory>>();
    const bells = Object.fromEntries(this.#hosts.map((host, slot) => [slot, host.bell]));
    const place = new Map(
      deployment.placements.map((placement) => [`${placement.vertex}/${placement.subtask}`, placement]),
    );
    for (const edge of job.edges) {
      const senders = (job.vertices[edge.sourceVertex] as JobVertex).parallelism;
      const receivers = (job.vertices[edge.targetVertex] as JobVertex).parallelism;
      for (let sender = 0; sender < senders; sender++) {
        for (const receiver of targetSubtasks(edge.partitioning, sender, senders, receivers)) {
          const from = place.get(`${edge.sourceVertex}/${sender}`) as Placement;
          const to = place.get(`${edge.targetVertex}/${receiver}`) as Placement;
          if (from.taskManager !== this.#options.id || to.taskManager !== this.#options.id || from.slot === to.slot)
            continue;
          const ring = createRing(RING_BYTES, deployment.attempt);
          for (const slot of [from.slot, to.slot]) {
            let own = memory.get(slot);
            if (own === undefined) memory.set(slot, (own = {}));
            own[channelName(edge.id, sender, receiver)] = ring;
          }
        }
      }
    }
    return new Map([...memory].map(([slot, own]) => [slot, { memory: own, bells }]));
  }

  /** Ends all slots and leaves the cluster. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all(this.#hosts.map((host) => host.close()));
    this.#seat?.wire.close();
  }
}

function threadHost(thread: Thread, mailFlag: Int32Array, bell: Int32Array): Host {
  return {
    post: (message) => {
      thread.post(message);
      // Behind the message: a busy thread sees the flag between two records and takes its mail in.
      Atomics.store(mailFlag, 0, 1);
    },
    bell,
    close: () => thread.terminate(),
  };
}

function exitError(exit: ThreadExit, taskManager: string, slot: number, heapMegabytes: number): MillstreamError {
  const where = `The thread of slot ${slot} of TaskManager ${taskManager}`;
  const cause = exit.error === undefined ? {} : { cause: exit.error };
  if (exit.outOfMemory) {
    return new MillstreamError(
      'SLOT_OUT_OF_MEMORY',
      `${where} ran out of its ${heapMegabytes} MB of heap. Raise slotHeapMegabytes, lower the parallelism of this process, or keep less state.`,
      cause,
    );
  }
  return new MillstreamError('SLOT_LOST', `${where} ended: ${exit.error?.message ?? 'no reason was given'}.`, cause);
}
