/**
 * The simulated World: a whole cluster, its network and its disk, on one thread under a virtual clock, from one seed.
 *
 * Everything that a process does is an event, and of the events that are due the seed picks the next. An event runs to
 * its end, and the promises that it settled run to theirs, before the next one begins. So one seed gives one course of
 * events, every time, which {@link Simulation.traceHash} proves; and another seed another one.
 *
 * This holds for code that reaches the outside through its World alone. What simulated code must not do: ask the real
 * clock or `Math.random`, set real timers, read real files or sockets, import modules on the way, or wait for anything
 * that takes real time (compression streams, worker threads). Promises are settled inside the simulation only: who
 * awaits one outside drives it with {@link Simulation.settle}.
 */

import { MillstreamError } from '../base/error.ts';
import type { Cancellation, Doorbell, Milliseconds, Random, World } from '../base/world.ts';
import { RealClock } from '../world/clock.ts';
import { SimulatedDoorbell } from './simulation/doorbell.ts';
import { Effects, type PlannedCrash } from './simulation/effects.ts';
import { SimulatedNetwork, type NetworkOptions, type StreamHandler } from './simulation/network.ts';
import { SimulatedProcess } from './simulation/process.ts';
import { SeededRandom } from './simulation/random.ts';
import { Scheduler } from './simulation/scheduler.ts';
import { SimulatedStorage, type SimulatedDisk } from './simulation/storage.ts';

/** What the seed chooses within. */
export interface SimulationOptions {
  /** How long a message is on its way: least and most. Default 0.01 to 5 ms. */
  readonly messageDelayMs?: readonly [Milliseconds, Milliseconds];
  /** How long an operation of the disk takes: least and most. Default 0.01 to 5 ms. */
  readonly storageDelayMs?: readonly [Milliseconds, Milliseconds];
  /** Bytes that wait in one direction of a connection before its sender is asked to hold back. Default 64 KiB. */
  readonly waitingBytesMax?: number;
  /** How long a partition lasts until connections across it break: least and most. Default 0.2 to 20 s. */
  readonly partitionMs?: readonly [Milliseconds, Milliseconds];
  /** Hears of every event, one line each. */
  readonly trace?: (line: string) => void;
}

/** How long a simulation may go on before it counts as stuck. */
export interface RunLimits {
  /** Default 5,000,000. */
  readonly events?: number;
  /** Virtual time that may pass. Default one day. */
  readonly virtualMs?: Milliseconds;
}

/** A line that a simulated process printed. */
export interface PrintedLine {
  readonly process: string;
  readonly line: string;
  readonly stream: 'out' | 'error';
}

/** Simulated processes, the network and the disk that they share, and the course of events. */
export interface Simulation {
  readonly seed: number;
  /** Virtual milliseconds since the beginning. */
  readonly now: Milliseconds;
  /** Events that have happened. */
  readonly events: number;
  /** A hash over all events and messages so far: equal for equal courses of events. */
  readonly traceHash: string;
  /** The disk that all processes share. */
  readonly disk: SimulatedDisk;
  readonly printed: readonly PrintedLine[];
  /** The World of a process. One that does not run is started, also after a crash; then nothing of its past is left. */
  world(process: string): World;
  /** A doorbell for the threads of a process, of which there is one. */
  newDoorbell(process: string): Doorbell;
  isAlive(process: string): boolean;
  /**
   * Ends a process at once: its timers and connections are gone, what it had begun stays half done, what it wrote and
   * did not sync may be lost or torn. Others see their connections close.
   */
  crash(process: string): void;
  /**
   * How often a process has changed something outside it, over all its lives: files, messages, connections. Equal for
   * equal courses of events, so a crash at any of them can be planned.
   */
  effects(process: string): number;
  /**
   * Plans a crash at an effect, counted from 1: with nothing of it done, with a part, or with all, of which the process
   * does not hear. When the effect comes, `possible` may still refuse; `happen` must end the process with `crash`.
   */
  crashAt(process: string, effect: number, crash: PlannedCrash): void;
  /** Stops a process as SIGSTOP does: what is due for it waits, and its connections stay, until it is woken. */
  hang(process: string): void;
  /** Lets a process go on that hangs; it knows nothing of the time that has passed. */
  wake(process: string): void;
  /** Makes every turn of a process wait this many times longer than those of others. 1: as long. */
  slowDown(process: string, factor: number): void;
  /** Breaks the connections between two processes, which may connect again at once. */
  breakConnections(a: string, b: string): void;
  /** From now on nothing passes between two processes; connections across break when it lasts. */
  partition(a: string, b: string): void;
  heal(a: string, b: string): void;
  /** Answers for a server that speaks in plain bytes, at any host under this port, in a process of its own. */
  serve(process: string, port: number, handler: StreamHandler): void;
  /** Makes something happen in the middle of it all: a crash, a check. Belongs to no process. */
  after(delay: Milliseconds, callback: () => void): Cancellation;
  /** Randomness that the seed decides, for the test itself; one generator per purpose. */
  random(purpose: string): Random;
  /**
   * Lets things happen until `until` holds, or, without it, until nothing is left that could happen. Fails with
   * SIMULATION_STUCK when nothing is left before that, or a limit is reached, and with whatever was thrown in an event
   * that no job owns.
   */
  run(until?: () => boolean, limits?: RunLimits): Promise<void>;
  /** Lets things happen until the promise has settled, and settles like it. */
  settle<T>(promise: PromiseLike<T>, limits?: RunLimits): Promise<T>;
  /** Ends every process. Nothing happens any more. */
  close(): void;
}

const EVENTS_MAX = 5_000_000;
const VIRTUAL_MS_MAX: Milliseconds = 86_400_000;

/**
 * A fresh simulation, in which nothing runs yet. The same seed and options give the same course of events.
 *
 * @param seed Any whole number.
 * @returns The simulation. Its processes come to life when their Worlds are asked for; `run` makes things happen.
 *
 * @example
 * ```ts
 * import { createSimulation } from 'millstream/testing';
 *
 * const simulation = createSimulation(42);
 * const { clock } = simulation.world('a');
 * clock.after(1_000, () => simulation.crash('b'));
 * await simulation.run();
 * ```
 */
export function createSimulation(seed: number, options: SimulationOptions = {}): Simulation {
  return new Cluster(seed, options);
}

interface Member {
  readonly process: SimulatedProcess;
  readonly world: World;
  readonly bells: SimulatedDoorbell[];
}

class Cluster implements Simulation {
  readonly seed: number;
  readonly disk: SimulatedStorage;
  readonly printed: PrintedLine[] = [];
  readonly #options: SimulationOptions;
  readonly #scheduler: Scheduler;
  readonly #network: SimulatedNetwork;
  readonly #members = new Map<string, Member>();
  readonly #incarnations = new Map<string, number>();
  readonly #effects = new Map<string, Effects>();
  /** All that ever ran, the dead included: what they left behind may still fail. */
  readonly #processes: SimulatedProcess[] = [];
  /** Who makes trouble, and is never hit by it. */
  readonly #fate: SimulatedProcess;
  /** Real macrotasks: between two, every promise that can go on has gone on. */
  readonly #realClock = new RealClock();

  constructor(seed: number, options: SimulationOptions) {
    this.seed = seed;
    this.#options = options;
    this.#scheduler = new Scheduler(seed);
    const network: NetworkOptions = {
      delayMs: options.messageDelayMs ?? [0.01, 5],
      waitingBytesMax: options.waitingBytesMax ?? 64 * 1024,
      partitionMs: options.partitionMs ?? [200, 20_000],
    };
    this.#network = new SimulatedNetwork(this.#scheduler, seed, network);
    this.disk = new SimulatedStorage(this.#scheduler, seed, options.storageDelayMs ?? [0.01, 5]);
    this.#fate = new SimulatedProcess(this.#scheduler, seed, 'fate', 0, new Effects());
  }

  get now(): Milliseconds {
    return this.#scheduler.now;
  }

  get events(): number {
    return this.#scheduler.events;
  }

  get traceHash(): string {
    return this.#scheduler.hash;
  }

  random(purpose: string): Random {
    return new SeededRandom(this.seed, `test ${purpose}`);
  }

  // Processes.

  world(process: string): World {
    return this.#member(process).world;
  }

  #member(name: string): Member {
    const running = this.#members.get(name);
    if (running !== undefined) return running;
    const incarnation = (this.#incarnations.get(name) ?? 0) + 1;
    this.#incarnations.set(name, incarnation);
    const process = new SimulatedProcess(this.#scheduler, this.seed, name, incarnation, this.#effectsOf(name));
    this.#processes.push(process);
    const member: Member = { process, world: this.#worldOf(process), bells: [] };
    this.#members.set(name, member);
    return member;
  }

  #worldOf(process: SimulatedProcess): World {
    return {
      clock: process.clock,
      random: process.random,
      ownership: process.ownership,
      network: this.#network.of(process),
      storage: this.disk.of(process),
      working: this.disk.working(process),
      threads: {
        spawn: () => {
          throw new MillstreamError(
            'OPTION_INVALID',
            `The simulated process ${process.name} has no threads. Run slots inline in a simulation.`,
          );
        },
      },
      cpuMicroseconds: () => 0,
      heapMegabytes: () => ({ used: 0, limit: 0 }),
      print: (line, stream) => {
        if (process.alive) this.printed.push({ process: process.name, line, stream });
      },
    };
  }

  newDoorbell(process: string): Doorbell {
    const member = this.#member(process);
    const bell = new SimulatedDoorbell(member.process);
    member.bells.push(bell);
    return bell;
  }

  isAlive(process: string): boolean {
    return this.#members.has(process);
  }

  crash(process: string): void {
    const member = this.#members.get(process);
    if (member === undefined) return;
    this.#members.delete(process);
    this.#options.trace?.(`${this.now.toFixed(3)} ${process} crashes`);
    member.process.die();
  }

  // Trouble.

  #effectsOf(process: string): Effects {
    const known = this.#effects.get(process) ?? new Effects();
    this.#effects.set(process, known);
    return known;
  }

  effects(process: string): number {
    return this.#effectsOf(process).count;
  }

  crashAt(process: string, effect: number, crash: PlannedCrash): void {
    this.#effectsOf(process).plan(effect, crash);
  }

  hang(process: string): void {
    this.#setHung(process, true);
  }

  wake(process: string): void {
    this.#setHung(process, false);
  }

  #setHung(name: string, hung: boolean): void {
    const process = this.#members.get(name)?.process;
    if (process === undefined) return;
    this.#options.trace?.(`${this.now.toFixed(3)} ${name} ${hung ? 'hangs' : 'is woken'}`);
    process.hang(hung);
    this.#network.refresh(process);
  }

  slowDown(process: string, factor: number): void {
    const member = this.#members.get(process);
    if (member !== undefined) member.process.slowness = factor;
  }

  breakConnections(a: string, b: string): void {
    this.#network.breakConnections(a, b);
  }

  partition(a: string, b: string): void {
    this.#network.partition(a, b, (delay, callback) => void this.after(delay, callback));
  }

  heal(a: string, b: string): void {
    this.#network.heal(a, b);
  }

  serve(process: string, port: number, handler: StreamHandler): void {
    this.#network.serve(this.#member(process).process, port, handler);
  }

  after(delay: Milliseconds, callback: () => void): Cancellation {
    return this.#fate.after(delay, 'fate', callback);
  }

  // The course of events.

  async run(until?: () => boolean, limits: RunLimits = {}): Promise<void> {
    const eventsEnd = this.events + (limits.events ?? EVENTS_MAX);
    const timeEnd = this.now + (limits.virtualMs ?? VIRTUAL_MS_MAX);
    for (;;) {
      await this.#settled();
      if (until?.() === true) return;
      if (this.events >= eventsEnd) throw this.#stuck(`was not over after ${limits.events ?? EVENTS_MAX} events`);
      if (this.now >= timeEnd) throw this.#stuck(`was not over after ${limits.virtualMs ?? VIRTUAL_MS_MAX} virtual ms`);
      const next = this.#scheduler.next();
      if (next === undefined) {
        if (until === undefined) return;
        throw this.#stuck('came to rest before what it was run for had happened');
      }
      this.#options.trace?.(`${this.now.toFixed(3)} ${next.lane.name}: ${next.event.kind}`);
      next.event.run();
      for (const member of this.#members.values()) for (const bell of member.bells) bell.look();
    }
  }

  #settled(): Promise<void> {
    return new Promise((resolve) => this.#realClock.nextTurn(resolve));
  }

  #stuck(what: string): MillstreamError {
    return new MillstreamError(
      'SIMULATION_STUCK',
      `The simulation with seed ${this.seed} ${what}: ${this.events} events, ${Math.floor(this.now)} virtual ms.`,
      {
        details: { seed: this.seed, events: this.events, virtualMs: Math.floor(this.now) },
      },
    );
  }

  async settle<T>(promise: PromiseLike<T>, limits?: RunLimits): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    await this.run(() => settled, limits);
    return await promise;
  }

  close(): void {
    for (const name of this.#members.keys()) this.crash(name);
    this.#fate.die();
    void this.#settled().then(() => {
      for (const process of [...this.#processes, this.#fate]) process.release();
    });
  }
}
