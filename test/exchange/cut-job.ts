/**
 * A small job for tests of checkpoints: sources, a middle and a last stage, connected by channels of any kind, whose
 * course is a matter of dice. Tasks do with barriers what a real task does, and note what passes each channel, so that
 * afterwards every cut can be compared with what was sent.
 */

import assert from 'node:assert/strict';
import { Gate } from '../../src/base/gate.ts';
import type { BarrierElement } from '../../src/data/element.ts';
import { RecordBatch } from '../../src/data/record-batch.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { BytesChannel } from '../../src/exchange/bytes-channel.ts';
import type { ChannelReader, ChannelWriter, Element } from '../../src/exchange/channel.ts';
import { StateFrames, type ChannelIdentity, type ChannelStateSnapshot } from '../../src/exchange/channel-state.ts';
import { EdgeWriter } from '../../src/exchange/edge-writer.ts';
import { FrameReader } from '../../src/exchange/frame-reader.ts';
import { InputGate, type InputEvent } from '../../src/exchange/input-gate.ts';
import { LocalChannel } from '../../src/exchange/local-channel.ts';
import { ChannelMultiplexer } from '../../src/exchange/network-channel.ts';
import { createRing } from '../../src/exchange/ring.ts';
import { RingReader, RingWriter } from '../../src/exchange/ring-channel.ts';
import { ChannelSnapshots, type ArrivedBarrier } from '../../src/runtime/channel-snapshots.ts';
import { inlineBytes } from '../../src/state/snapshot-data.ts';
import { ManualClock } from '../../src/testing/manual-world.ts';
import type { Dice } from './dice.ts';
import { TextCodec } from './text-codec.ts';
import { Wire } from './wire.ts';

export type Kind = 'local' | 'bytes' | 'ring' | 'network';

/** Small: a row of a kilobyte goes in several frames. */
const RING_BYTES = 1024;

const codec = new TextCodec();

interface Pair {
  readonly writer: ChannelWriter;
  readonly reader: ChannelReader;
  /** Lets messages arrive. */
  readonly move: (messages: number) => void;
}

function pair(kind: Kind, batchRows: number): Pair {
  const wake = (): void => {};
  const still = { move: () => {} };
  const bell = (): Int32Array => new Int32Array(new SharedArrayBuffer(4));
  switch (kind) {
    case 'local':
      return { ...still, ...ends(new LocalChannel({ wakeReader: wake, wakeWriter: wake, batchRows })) };
    case 'bytes':
      return {
        ...still,
        ...ends(new BytesChannel({ wakeReader: wake, wakeWriter: wake, batchRows, encoder: codec, decoder: codec })),
      };
    case 'ring': {
      const ring = createRing(RING_BYTES, 1);
      return {
        ...still,
        writer: new RingWriter({ ring, attempt: 1, readerBell: bell(), encoder: codec, batchRows }),
        reader: new RingReader({ ring, attempt: 1, writerBell: bell(), decoder: codec }),
      };
    }
    case 'network': {
      const wire = new Wire();
      const id = { channel: 1, attempt: 1 };
      return {
        writer: new ChannelMultiplexer(wire.near).openWriter({ id, encoder: codec, wake, batchRows }),
        reader: new ChannelMultiplexer(wire.far).openReader({ id, decoder: codec, wake }),
        move: (messages) => void wire.deliver(messages),
      };
    }
  }
}

function ends({ writer, reader }: Pick<Pair, 'writer' | 'reader'>): Pick<Pair, 'writer' | 'reader'> {
  return { writer, reader };
}

/** A channel, and everything that passed it: rows by their text, watermarks as `w` and their time. */
class Link {
  readonly identity: ChannelIdentity;
  readonly pair: Pair;
  readonly sent: string[] = [];
  readonly received: string[] = [];

  constructor(identity: ChannelIdentity, channel: Pair) {
    this.identity = identity;
    this.pair = channel;
  }

  get name(): string {
    const { edge, sender, receiver } = this.identity;
    return `${edge} ${sender} ${receiver}`;
  }

  /** The reader, with notes of the watermarks that are taken from it. */
  noting(): ChannelReader {
    const { reader } = this.pair;
    const note = (element: Element | undefined): Element | undefined => {
      if (element !== undefined && 'kind' in element && element.kind === 'watermark')
        this.received.push(`w${element.timestamp}`);
      return element;
    };
    return {
      poll: () => note(reader.poll()),
      peekBarrier: () => reader.peekBarrier(),
      get readable() {
        return reader.readable;
      },
      recycle: (batch) => reader.recycle(batch),
      takeAnnouncement: () => reader.takeAnnouncement(),
      barriers: () => reader.barriers(),
      capture: (checkpoint, into) => reader.capture(checkpoint, into),
      get queued() {
        return reader.queued;
      },
      close: () => reader.close(),
    };
  }
}

/** What a task said of a checkpoint: how much had passed each of its channels, and the state of channels. */
interface Cut {
  readonly sent: ReadonlyMap<Link, number>;
  readonly received: ReadonlyMap<Link, number>;
  states: readonly ChannelStateSnapshot[] | undefined;
}

class MiniTask {
  readonly cuts = new Map<number, Cut>();
  ended = false;
  readonly #job: CutJob;
  readonly #inputs: readonly Link[];
  readonly #outputs: readonly (readonly Link[])[];
  readonly #gate: InputGate | undefined;
  readonly #edges: readonly EdgeWriter[];
  readonly #snapshots: ChannelSnapshots;
  #barriers: ArrivedBarrier[] = [];
  #batch: RecordBatch | undefined;
  #channel = 0;
  #watermark = 0;
  #toEmit: number;

  constructor(
    job: CutJob,
    inputs: readonly Link[],
    outputs: readonly (readonly Link[])[],
    options: { readonly inputsOvertake: boolean; readonly outputsOvertake: boolean; readonly records: number },
  ) {
    this.#job = job;
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#toEmit = options.records;
    const place = (link: Link) => ({ identity: link.identity, encoder: () => codec });
    this.#gate =
      inputs.length === 0
        ? undefined
        : new InputGate(
            inputs.map((link) => ({ input: 0, reader: link.noting(), place: place(link) })),
            { unaligned: options.inputsOvertake },
          );
    this.#edges = outputs.map(
      (links) =>
        new EdgeWriter({
          channels: links.map((link) => link.pair.writer),
          gate: new Gate(new ManualClock(0), new Int32Array(1)),
          random: job.dice as never,
          maxParallelism: 16,
          partitioning: { kind: 'rebalance' },
          types: new TypeRegistry(),
          operator: 'test',
          ...(options.outputsOvertake ? { places: links.map(place) } : {}),
        }),
    );
    this.#snapshots = new ChannelSnapshots(this.#gate, this.#edges);
  }

  get isSource(): boolean {
    return this.#gate === undefined;
  }

  turn(): void {
    const { dice, now } = this.#job;
    for (const edge of this.#edges) edge.pump();
    this.#snapshots.look(now);
    if (this.ended) return;
    const due = this.#gate?.overtaking(now);
    if (due !== undefined) this.#handle(due);
    // Something half done now and then holds barriers back for a turn.
    if (this.#barriers.length > 0 && dice.once(4)) return;
    for (const arrived of this.#barriers.splice(0)) this.#pass(arrived);
    for (let work = dice.below(12); work > 0 && !this.ended && this.#barriers.length === 0; work--) {
      if (this.#edges.some((edge) => edge.full)) break;
      if (this.#batch !== undefined) this.#row(this.#batch);
      else if (this.#gate === undefined) this.#produce();
      else {
        const event = this.#gate.poll();
        if (event === undefined) break;
        this.#handle(event);
      }
    }
    if (dice.once(3)) for (const edge of this.#edges) edge.flush();
  }

  #produce(): void {
    if (this.#toEmit === 0) this.#end();
    else if (this.#job.dice.once(6)) this.#forwardWatermark(++this.#watermark);
    else {
      this.#toEmit--;
      this.#emit();
    }
  }

  #row(batch: RecordBatch): void {
    (this.#inputs[this.#channel] as Link).received.push(labelOf(batch.values[batch.cursor++]));
    if (batch.cursor === batch.count) {
      this.#batch = undefined;
      this.#gate?.recycle(this.#channel, batch);
    }
    this.#emit();
  }

  /** One row to each output. */
  #emit(): void {
    const { dice } = this.#job;
    this.#outputs.forEach((links, i) => {
      const channel = dice.below(links.length);
      const link = links[channel] as Link;
      const label = `${link.sent.length}`;
      const bytes = dice.once(30) ? dice.below(3_000) : dice.below(60);
      link.sent.push(label);
      (this.#edges[i] as EdgeWriter).to(channel, { label, filling: 'x'.repeat(bytes) }, 0, 0);
    });
  }

  #forwardWatermark(timestamp: number): void {
    this.#outputs.forEach((links, i) => {
      for (const link of links) link.sent.push(`w${timestamp}`);
      (this.#edges[i] as EdgeWriter).watermark(timestamp);
    });
  }

  #handle(event: InputEvent): void {
    switch (event.kind) {
      case 'data':
        assert.ok(event.data instanceof RecordBatch);
        this.#batch = event.data;
        this.#channel = event.channel;
        return;
      case 'watermark':
        return this.#forwardWatermark(event.timestamp);
      case 'status':
        return;
      case 'barrier':
        return this.#arrived({ barrier: event.barrier, cuts: false });
      case 'overtaking':
        return this.#arrived({ barrier: event.barrier, cuts: true });
      case 'superseded':
        return this.#job.abort(event.checkpoint);
      case 'end':
        return this.#end();
    }
  }

  #end(): void {
    for (const edge of this.#edges) edge.end(true);
    this.ended = true;
    this.#job.taskEnded(this);
  }

  // Barriers.

  /** From the coordinator. */
  trigger(barrier: BarrierElement): void {
    if (this.ended) {
      if (this.cuts.has(barrier.checkpoint)) return;
      const cut = this.#cut(barrier.checkpoint);
      cut.states = this.#snapshots.passEnded(barrier, this.#job.now);
    } else if (this.isSource) this.#arrived({ barrier, cuts: false });
  }

  #arrived(arrived: ArrivedBarrier): void {
    const { checkpoint } = arrived.barrier;
    if (!this.#barriers.some(({ barrier }) => barrier.checkpoint === checkpoint)) this.#barriers.push(arrived);
  }

  #pass(arrived: ArrivedBarrier): void {
    const cut = this.#cut(arrived.barrier.checkpoint);
    const inUse = this.#batch === undefined ? undefined : { channel: this.#channel, batch: this.#batch };
    this.#snapshots.pass(arrived, this.#job.now, inUse, (states) => (cut.states = states));
  }

  #cut(checkpoint: number): Cut {
    assert.ok(!this.cuts.has(checkpoint), 'a task takes each snapshot once');
    const cut: Cut = {
      sent: new Map(this.#outputs.flat().map((link) => [link, link.sent.length])),
      received: new Map(this.#inputs.map((link) => [link, link.received.length])),
      states: undefined,
    };
    this.cuts.set(checkpoint, cut);
    return cut;
  }

  abort(checkpoint: number): void {
    this.#barriers = this.#barriers.filter(({ barrier }) => barrier.checkpoint !== checkpoint);
    this.#snapshots.abort(checkpoint);
  }
}

function labelOf(value: unknown): string {
  return (value as { readonly label: string }).label;
}

/** The elements of a channel's state, as links note them. */
function elementsOf(states: readonly ChannelStateSnapshot[]): string[] {
  return states.flatMap(({ bytes }) => {
    const reader = new FrameReader(new StateFrames(inlineBytes(bytes)), codec);
    const elements: string[] = [];
    for (let element = reader.poll(); element !== undefined; element = reader.poll()) {
      if (element instanceof RecordBatch) elements.push(...element.values.slice(0, element.count).map(labelOf));
      else if ('kind' in element && element.kind === 'watermark') elements.push(`w${element.timestamp}`);
    }
    return elements;
  });
}

export interface CutJobOptions {
  readonly kind: Kind;
  /** How barriers of checkpoints behave. */
  readonly mode: 'aligned' | 'unaligned' | 'timeout';
  /** Whether barriers may overtake on the way to the last stage, too. */
  readonly lastOvertakes: boolean;
  readonly stages: readonly [sources: number, middle: number, last: number];
  readonly records: number;
}

export class CutJob {
  readonly dice: Dice;
  /** Epoch milliseconds. */
  now = 1_000;
  /** Checkpoints that were completed, and of how many channels they held something. */
  completed = 0;
  statesHeld = 0;
  readonly #options: CutJobOptions;
  readonly #links: Link[] = [];
  readonly #tasks: MiniTask[] = [];
  readonly #pending = new Map<number, BarrierElement>();
  readonly #timeoutMs: number;
  #checkpoints = 0;

  constructor(dice: Dice, options: CutJobOptions) {
    this.dice = dice;
    this.#timeoutMs = 1 + dice.below(60);
    this.#options = options;
    const { stages, records, lastOvertakes } = options;
    const [sources, middle, last] = stages;
    const first = this.#edge('first', sources, middle);
    const second = this.#edge('second', middle, last);
    for (let i = 0; i < sources; i++)
      this.#tasks.push(
        new MiniTask(this, [], [first.filter(({ identity }) => identity.sender === i)], {
          inputsOvertake: false,
          outputsOvertake: true,
          records,
        }),
      );
    for (let i = 0; i < middle; i++)
      this.#tasks.push(
        new MiniTask(
          this,
          first.filter(({ identity }) => identity.receiver === i),
          [second.filter(({ identity }) => identity.sender === i)],
          { inputsOvertake: true, outputsOvertake: lastOvertakes, records: 0 },
        ),
      );
    for (let i = 0; i < last; i++)
      this.#tasks.push(
        new MiniTask(
          this,
          second.filter(({ identity }) => identity.receiver === i),
          [],
          { inputsOvertake: lastOvertakes, outputsOvertake: false, records: 0 },
        ),
      );
  }

  #edge(edge: string, senders: number, receivers: number): Link[] {
    const links: Link[] = [];
    const batchRows = 1 + this.dice.below(8);
    for (let sender = 0; sender < senders; sender++)
      for (let receiver = 0; receiver < receivers; receiver++)
        links.push(new Link({ edge, sender, senders, receiver, receivers }, pair(this.#options.kind, batchRows)));
    this.#links.push(...links);
    return links;
  }

  /** Runs to the end, then checks that everything came through and every checkpoint was completed or given up. */
  run(): void {
    const { dice } = this;
    for (let turns = 0; this.#tasks.some(({ ended }) => !ended) || this.#pending.size > 0; turns++) {
      assert.ok(turns < 200_000, `the job comes to an end; pending: ${[...this.#pending.keys()].join(' ')}`);
      this.now += dice.below(3);
      if (dice.once(25) && this.#pending.size < 3) this.#trigger();
      if (dice.once(200)) for (const checkpoint of [...this.#pending.keys()]) if (dice.once(2)) this.abort(checkpoint);
      for (const link of this.#links) if (dice.once(3)) link.pair.move(dice.below(6));
      // One stage is slow for a while, so that what is before it fills up.
      const slow = Math.floor(turns / 150) % (this.#tasks.length + 2);
      const task = dice.below(this.#tasks.length);
      if (task !== slow || dice.once(40)) (this.#tasks[task] as MiniTask).turn();
      this.#complete();
    }
    for (const link of this.#links) assert.deepEqual(link.received, link.sent, `all that was sent on ${link.name}`);
  }

  // The coordinator.

  #trigger(): void {
    if (this.#tasks.every(({ ended }) => ended)) return;
    const { mode } = this.#options;
    const checkpoint = ++this.#checkpoints;
    const savepoint = this.dice.once(8);
    // As the JobManager has it: nothing overtakes a barrier that keeps its place.
    const inOrder = savepoint || [...this.#pending.values()].some(({ unalignedAt }) => unalignedAt === undefined);
    const overtaking = { unalignedAt: mode === 'unaligned' ? 0 : this.now + this.#timeoutMs };
    const barrier: BarrierElement = {
      kind: 'barrier',
      checkpoint,
      triggeredAt: this.now,
      type: savepoint ? 'savepoint' : 'checkpoint',
      epoch: 1,
      ...(mode === 'aligned' || inOrder ? {} : overtaking),
    };
    this.#pending.set(checkpoint, barrier);
    for (const task of this.#tasks) if (task.isSource || task.ended) task.trigger(barrier);
  }

  taskEnded(task: MiniTask): void {
    for (const barrier of this.#pending.values()) if (!task.cuts.has(barrier.checkpoint)) task.trigger(barrier);
  }

  abort(checkpoint: number): void {
    if (!this.#pending.delete(checkpoint)) return;
    for (const task of this.#tasks) task.abort(checkpoint);
  }

  #complete(): void {
    for (const checkpoint of this.#pending.keys()) {
      const cuts = this.#tasks.map((task) => task.cuts.get(checkpoint));
      if (!cuts.every((cut) => cut?.states !== undefined)) continue;
      this.#pending.delete(checkpoint);
      this.completed++;
      this.#check(checkpoint, cuts as readonly Cut[]);
    }
  }

  /** What was sent before the cut was received before it, or is state of the channel: each once, and in order. */
  #check(checkpoint: number, cuts: readonly Cut[]): void {
    const states = cuts.flatMap((cut) => cut.states ?? []);
    this.statesHeld += states.length;
    for (const link of this.#links) {
      const sent = cuts.find((cut) => cut.sent.has(link))?.sent.get(link);
      const received = cuts.find((cut) => cut.received.has(link))?.received.get(link);
      const own = states.filter(({ edge, sender, receiver }) => `${edge} ${sender} ${receiver}` === link.name);
      const inOrder = [...own.filter(({ end }) => end === 'receiver'), ...own.filter(({ end }) => end === 'sender')];
      assert.deepEqual(
        [...link.received.slice(0, received), ...elementsOf(inOrder)],
        link.sent.slice(0, sent),
        `checkpoint ${checkpoint} on ${link.name}`,
      );
    }
  }
}
