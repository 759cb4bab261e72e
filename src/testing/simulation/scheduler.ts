/**
 * The one scheduler of a simulation: a virtual clock and the lanes of all simulated processes.
 *
 * Time does not pass by itself. It jumps to the next event when none is due, and it creeps on whenever a process looks
 * at its monotonic clock, as if what the process did since had taken a moment: otherwise a loop that works until its
 * time is up would never end. How far it creeps the seed decides, so every run of such a loop is cut at other places.
 */

import { murmur3, murmur3Int } from '../../base/hash.ts';
import type { Milliseconds } from '../../base/world.ts';
import { FifoLane, TimerLane, type Lane, type SimulatedEvent } from './lanes.ts';
import { SeededRandom } from './random.ts';

/** How far time creeps at a look at the clock, and how often. Most looks cost next to nothing, some a whole turn. */
const CREEP: readonly { readonly share: number; readonly ms: Milliseconds }[] = [
  { share: 0.6, ms: 0.02 },
  { share: 0.35, ms: 0.2 },
  { share: 0.05, ms: 4 },
];

export class Scheduler {
  /** Milliseconds since the simulation began. */
  now: Milliseconds = 0;
  /** Events that have happened. */
  events = 0;
  readonly #random: SeededRandom;
  readonly #creep: SeededRandom;
  readonly #lanes = new Set<Lane>();
  readonly #due: Lane[] = [];
  #laneCount = 0;
  #hashLow = 0x9747b28c;
  #hashHigh = 0x5bd1e995;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed, 'schedule');
    this.#creep = new SeededRandom(seed, 'creep');
  }

  fifo(name: string): FifoLane {
    return this.#add(new FifoLane(this.#laneCount++, name));
  }

  timers(name: string): TimerLane {
    return this.#add(new TimerLane(this.#laneCount++, name));
  }

  #add<L extends Lane>(lane: L): L {
    this.#lanes.add(lane);
    return lane;
  }

  /** Nothing of the lane happens any more. */
  drop(lane: Lane): void {
    this.#lanes.delete(lane);
  }

  /** The monotonic clock of a process. */
  look(): Milliseconds {
    let draw = this.#creep.next();
    for (const { share, ms } of CREEP) {
      if (draw < share) {
        this.now += (draw / share) * ms;
        break;
      }
      draw -= share;
    }
    return this.now;
  }

  /** Takes the next event and moves time to it; undefined when nothing will ever happen. */
  next(): { readonly lane: Lane; readonly event: SimulatedEvent } | undefined {
    const lane = this.#choose();
    if (lane === undefined) return undefined;
    this.events++;
    this.mix(lane.id);
    this.mix(Math.floor(this.now * 1000));
    return { lane, event: lane.take() };
  }

  #choose(): Lane | undefined {
    let earliest = Infinity;
    for (const lane of this.#lanes) if (lane.due < earliest) earliest = lane.due;
    if (earliest === Infinity) return undefined;
    this.now = Math.max(this.now, earliest);
    this.#due.length = 0;
    for (const lane of this.#lanes) if (lane.due <= this.now) this.#due.push(lane);
    return this.#random.pick(this.#due);
  }

  // The hash over everything that happens.

  mix(number: number): void {
    this.#hashLow = murmur3Int(number, this.#hashLow);
    this.#hashHigh = murmur3Int(number, this.#hashHigh);
  }

  mixBytes(bytes: Uint8Array): void {
    this.#hashLow = murmur3(bytes, this.#hashLow);
    this.#hashHigh = murmur3(bytes, this.#hashHigh);
  }

  /** 16 hexadecimal digits; two runs in which the same things happened in the same order have the same. */
  get hash(): string {
    return hex(this.#hashHigh) + hex(this.#hashLow);
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
