/**
 * A JobManager: takes TaskManagers in, takes jobs, and lets each job speak to the slots that it was given.
 *
 * It listens on the World's network; whoever connects is a TaskManager. It shares no object with one.
 */

import { MillstreamError, deserializeError } from '../base/error.ts';
import type { Connection, Listener, World } from '../base/world.ts';
import type { JobOptions } from './attempt.ts';
import { Job } from './job.ts';
import type { AssignedSlot } from './placement.ts';
import type { FromTaskManager, SlotOffer, ToTaskManager } from './messages.ts';
import { Wire } from './wire.ts';

interface TaskManagerSeat {
  readonly id: string;
  readonly wire: Wire<ToTaskManager, FromTaskManager>;
  readonly offers: readonly SlotOffer[];
}

export class JobManager {
  readonly #world: World;
  readonly #taskManagers = new Map<string, TaskManagerSeat>();
  readonly #jobs = new Map<string, Job>();
  readonly #waiting: { readonly slots: number; readonly resolve: () => void }[] = [];
  #listener: Listener | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** Starts to take TaskManagers in; resolves with the address for them to connect to. */
  async listen(address: string): Promise<string> {
    this.#listener = await this.#world.network.listen(address, (connection) => this.#accept(connection));
    return this.#listener.address;
  }

  #accept(connection: Connection): void {
    const wire = new Wire<ToTaskManager, FromTaskManager>(connection);
    let seat: TaskManagerSeat | undefined;
    wire.onMessage((message) => {
      if (message.kind === 'register') {
        const before = this.#taskManagers.get(message.taskManager);
        this.#vacate(message.taskManager, 'it has registered again, and what it ran before is lost');
        if (before !== undefined && before.wire !== wire) before.wire.close();
        seat = { id: message.taskManager, wire, offers: message.slots };
        this.#taskManagers.set(seat.id, seat);
        this.#registered();
      } else if (seat !== undefined && this.#taskManagers.get(seat.id) === seat) {
        this.#received(seat, message);
      }
    });
    wire.onClose((reason) => {
      if (seat === undefined || this.#taskManagers.get(seat.id) !== seat) return;
      this.#vacate(seat.id, reason?.message ?? 'its connection was closed');
    });
  }

  /** Nobody sits there any more: the jobs learn that what ran in its slots is lost. */
  #vacate(id: string, reason: string): void {
    if (!this.#taskManagers.delete(id)) return;
    const lost = new MillstreamError('SLOT_LOST', `TaskManager ${id} is gone: ${reason}.`);
    for (const job of this.#jobs.values()) job.slotLost(id, undefined, lost);
  }

  #received(seat: TaskManagerSeat, message: Exclude<FromTaskManager, { kind: 'register' }>): void {
    if (message.kind === 'slot') {
      this.#jobs.get(message.message.jobId)?.fromSlot(seat.id, message.slot, message.message);
      return;
    }
    for (const job of this.#jobs.values()) job.slotLost(seat.id, message.slot, deserializeError(message.error));
  }

  get slots(): number {
    return [...this.#taskManagers.values()].reduce((sum, seat) => sum + seat.offers.length, 0);
  }

  /** Resolves once at least so many slots are registered. */
  async hasSlots(slots: number): Promise<void> {
    if (this.slots >= slots) return;
    await new Promise<void>((resolve) => this.#waiting.push({ slots, resolve }));
  }

  #registered(): void {
    const served = this.#waiting.filter((waiter) => this.slots >= waiter.slots);
    for (const waiter of served) {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.resolve();
    }
  }

  /** Slots are shared between jobs: each gets the first ones, and the threads take turns. */
  #takeSlots(jobName: string, count: number): readonly AssignedSlot[] {
    const all = [...this.#taskManagers.values()].flatMap((seat) =>
      seat.offers.map((offer) => ({ taskManager: seat.id, offer })),
    );
    if (all.length < count) {
      throw new MillstreamError(
        'RESOURCES_INSUFFICIENT',
        `Job "${jobName}" needs ${count} slots, but the cluster has ${all.length}. Lower the parallelism, or start with more slots.`,
      );
    }
    return all.slice(0, count);
  }

  /** Starts a job. Its end is the caller's to await by `job.result()`. */
  submit(options: Omit<JobOptions, 'world' | 'takeSlots' | 'hasSlots' | 'send' | 'ended'>): Job {
    const job = new Job({
      ...options,
      world: this.#world,
      takeSlots: (count) => this.#takeSlots(options.graph.jobName, count),
      hasSlots: (count) => this.hasSlots(count),
      send: (taskManager, message) => this.#taskManagers.get(taskManager)?.wire.send(message),
      ended: () => void this.#jobs.delete(options.jobId),
    });
    this.#jobs.set(options.jobId, job);
    try {
      job.start();
    } catch (error) {
      this.#jobs.delete(options.jobId);
      throw error;
    }
    return job;
  }

  /** Cancels what runs, and takes nobody in any more. */
  async close(): Promise<void> {
    await Promise.all([...this.#jobs.values()].map((job) => job.cancel()));
    await this.#listener?.close();
    for (const seat of this.#taskManagers.values()) seat.wire.close();
    this.#taskManagers.clear();
  }
}
