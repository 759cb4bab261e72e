/**
 * Keyed operators in BATCH mode: their bounded input is sorted by key first, with what does not fit into memory on
 * disk, so that an operator has the state of one key at a time and each key ends where its records end.
 *
 * The operator itself is the one of STREAMING mode. This one stands around it: it keeps the records until the input has
 * ended, then hands them over key by key, each key's in the order of their timestamps. Behind a key's last record event
 * time ends for the key: its timers fire, then its state is dropped. Watermarks do not pass before everything has.
 *
 * An input without a key (the broadcast side) is not kept: it is through before the first key begins.
 */

import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { MAX_WATERMARK } from '../data/element.ts';
import { keyHash } from '../data/key.ts';
import { readValue, writeValue } from '../data/structured-codec.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { KeyedBackend } from '../state/keyed-backend.ts';
import { BatchTimers, type TimerScope } from './batch-timers.ts';
import { closeAll, ExternalSorter } from './async-sorter.ts';
import type { InlineCode } from './inline-code.ts';
import { compareKeys, type HashedKey } from './key-order.ts';
import {
  elementMethod,
  type InputOperator,
  type Operator,
  type OperatorContext,
  type OperatorDefinition,
  type Output,
  type RowKindCode,
  type Timestamp,
} from './operator.ts';
import { PlainOperator } from './plain-operator.ts';
import { SortedEmission } from './sorted-emission.ts';
import type { SpillCodec } from './spill-file.ts';

type KeySelectors = readonly ((value: never) => unknown)[];

/** The same operator for a bounded input. Definitions without keys, or that sort by key themselves, stay as they are. */
export function batchKeyedInput(definition: OperatorDefinition, memoryMegabytes: number): OperatorDefinition {
  const { create, inline, keySelectors } = definition;
  if (keySelectors === undefined || create === undefined || definition.sortsByKey === true) return definition;
  return {
    ...definition,
    create: () => new BatchKeyedOperator(create(), keySelectors, memoryMegabytes),
    ...(inline === undefined ? {} : { inline: (code: InlineCode) => writeReplay(code, inline) }),
    describe: { ...definition.describe, input: 'sorted by key' },
  };
}

/**
 * The element path of the operator, as a function that is called when the records come back in order. It is made with
 * the first record, so that it stands in the chain's own text.
 */
function writeReplay(code: InlineCode, inline: (code: InlineCode) => void): void {
  const value = code.fresh('value');
  const timestamp = code.fresh('timestamp');
  const kind = code.fresh('kind');
  code.line(`${code.self}.replay ??= (${value}, ${timestamp}, ${kind}) => {`);
  inline({
    value,
    timestamp,
    kind,
    self: `${code.self}.inner`,
    bind: (thing) => code.bind(thing),
    fresh: (hint) => code.fresh(hint),
    line: (text) => code.line(text),
    emit: (outValue, outTimestamp = timestamp, outKind = kind) => code.emit(outValue, outTimestamp, outKind),
  });
  code.line('};');
  code.line(`${code.self}.element(${code.value}, ${code.timestamp}, ${code.kind});`);
}

interface KeyedRecord extends HashedKey {
  readonly value: unknown;
  readonly timestamp: Timestamp;
  readonly kind: RowKindCode;
  readonly input: number;
}

type Element = (value: unknown, timestamp: Timestamp, kind: RowKindCode) => void;

const MEGABYTE = 1024 * 1024;

class BatchKeyedOperator extends PlainOperator<unknown> implements InputOperator<unknown> {
  /** Read by generated code. */
  readonly inner: InputOperator<unknown>;
  replay: ((value: unknown, timestamp: Timestamp, kind: RowKindCode) => void) | undefined;
  readonly #keys: KeySelectors;
  readonly #memoryBytes: number;
  #sorter!: ExternalSorter<KeyedRecord>;
  #backend!: BatchBackend;
  #emission: SortedEmission<KeyedRecord> | undefined;
  #current: KeyedRecord | undefined;
  /** The first record of the next key, while the timers of the key before it fire. */
  #next: KeyedRecord | undefined;
  #state: 'collecting' | 'replaying' | 'ended' = 'collecting';
  #finishing = false;

  constructor(inner: InputOperator<unknown>, keys: KeySelectors, memoryMegabytes: number) {
    super();
    this.inner = inner;
    this.#keys = keys;
    this.#memoryBytes = memoryMegabytes * MEGABYTE;
    for (let input = 2; elementMethod(input) in inner; input++) {
      const take: Element = (value, timestamp, kind) => this.#take(input, value, timestamp, kind);
      Object.defineProperty(this, elementMethod(input), { value: take });
    }
  }

  override open(context: OperatorContext<unknown>): void {
    super.open(context);
    const { types } = context;
    this.#sorter = new ExternalSorter({
      compare: (a, b) => compareRecords(a, b, types),
      codec: new KeyedRecordCodec(this.#keys, types),
      memoryBytes: this.#memoryBytes,
      storage: context.world.storage,
    });
    this.#backend = new BatchBackend(() => context.keyedBackend(), context);
    const inner: OperatorContext = {
      ...context,
      output: this.#innerOutput(context.output),
      keyedBackend: () => this.#backend,
    };
    (this.inner as Operator).open(inner);
  }

  /** Watermarks of the inner operator say that a key has ended. */
  #innerOutput(output: Output<unknown>): Output<unknown> {
    return {
      emit: (value, timestamp, kind) => output.emit(value, timestamp, kind),
      side: (tag, value, timestamp) => output.side(tag, value, timestamp),
      watermark: () => this.#keyEnded(),
      status: (idle) => output.status(idle),
      finish: () => output.finish(),
    };
  }

  // While the input comes.

  element(value: unknown, timestamp: Timestamp, kind: RowKindCode): void {
    this.#keep(value, timestamp, kind, 0);
  }

  element2(value: never, timestamp: Timestamp, kind: RowKindCode): void {
    this.#take(1, value, timestamp, kind);
  }

  #take(input: number, value: unknown, timestamp: Timestamp, kind: RowKindCode): void {
    if (this.#keys[input] === undefined) this.#pass(input, value, timestamp, kind);
    else this.#keep(value, timestamp, kind, input);
  }

  #pass(input: number, value: unknown, timestamp: Timestamp, kind: RowKindCode): void {
    (this.inner as unknown as Readonly<Record<string, Element | undefined>>)[elementMethod(input)]?.(
      value,
      timestamp,
      kind,
    );
  }

  #keep(value: unknown, timestamp: Timestamp, kind: RowKindCode, input: number): void {
    const key = (this.#keys[input] as (value: unknown) => unknown)(value);
    this.#sorter.add({ hash: keyHash(key, this.context.types), key, value, timestamp, kind, input });
    if (this.#sorter.full) this.context.hold(this.#sorter.spill());
  }

  override watermark(timestamp: Timestamp): void {
    if (timestamp !== MAX_WATERMARK || this.#state !== 'collecting') return;
    this.#state = 'replaying';
    this.#emission = new SortedEmission(
      this.context,
      this.#sorter,
      (record) => this.#handOver(record),
      () => this.#lastKey(),
    );
    this.#emission.start();
  }

  override finish(): void {
    if (this.#state === 'replaying') this.#finishing = true;
    else this.inner.finish();
  }

  // Key by key.

  #handOver(record: KeyedRecord): void {
    const { types } = this.context;
    if (this.#current === undefined || compareKeys(this.#current, record, types) === 0) {
      this.#feed(record);
      return;
    }
    this.#next = record;
    this.inner.watermark(MAX_WATERMARK);
  }

  #feed(record: KeyedRecord): void {
    this.#current = record;
    const { value, timestamp, kind, input } = record;
    if (input > 0) this.#pass(input, value, timestamp, kind);
    else if (this.replay !== undefined) this.replay(value, timestamp, kind);
    else this.inner.element?.(value, timestamp, kind);
  }

  /** All timers of the key have fired, and what they emitted has left. */
  #keyEnded(): void {
    this.#backend.endKey();
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) this.#feed(next);
    else this.#end();
  }

  #lastKey(): void {
    if (this.#current === undefined) this.#end();
    else this.inner.watermark(MAX_WATERMARK);
  }

  #end(): void {
    this.#state = 'ended';
    this.output.watermark(MAX_WATERMARK);
    if (this.#finishing) this.inner.finish();
  }

  // The rest.

  override snapshot(): void {
    throw new MillstreamError(
      'CHECKPOINT_FAILED',
      `The operator "${this.context.task.operatorName}" runs in BATCH mode, which takes no checkpoints or savepoints. Run the job in STREAMING mode for them.`,
      {
        details: { operator: this.context.task.operatorName },
      },
    );
  }

  /** What the accumulators of the inner operator's function stand at. */
  accumulators(): unknown {
    return (this.inner as { accumulators?: () => unknown }).accumulators?.();
  }

  override close(): Promise<void> {
    return closeAll(
      () => this.inner.close(),
      () => this.#emission?.close(),
      () => this.#sorter?.close(),
    );
  }
}

/** By key, then by time; records that are equal in both keep the order in which they came. */
function compareRecords(a: KeyedRecord, b: KeyedRecord, types: TypeRegistry): number {
  const keys = compareKeys(a, b, types);
  if (keys !== 0) return keys;
  return a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0;
}

class KeyedRecordCodec implements SpillCodec<KeyedRecord> {
  readonly #keys: KeySelectors;
  readonly #types: TypeRegistry;

  constructor(keys: KeySelectors, types: TypeRegistry) {
    this.#keys = keys;
    this.#types = types;
  }

  write({ value, timestamp, kind, input }: KeyedRecord, writer: ByteWriter): void {
    writeValue(value, writer, this.#types);
    writer.f64(timestamp);
    writer.u8(kind);
    writer.u8(input);
  }

  read(reader: ByteReader): KeyedRecord {
    const value = readValue(reader, this.#types);
    const timestamp = reader.f64();
    const kind = reader.u8();
    const input = reader.u8();
    const key = (this.#keys[input] as (value: unknown) => unknown)(value);
    return { hash: keyHash(key, this.#types), key, value, timestamp, kind, input };
  }
}

/** The keyed state of the key at hand: that of any backend, with timers of BATCH mode. */
class BatchBackend implements KeyedBackend, TimerScope {
  readonly #make: () => KeyedBackend;
  readonly #context: OperatorContext<unknown>;
  #made: KeyedBackend | undefined;
  namespace: unknown;

  constructor(make: () => KeyedBackend, context: OperatorContext<unknown>) {
    this.#make = make;
    this.#context = context;
  }

  get #backend(): KeyedBackend {
    return (this.#made ??= this.#make());
  }

  /** Drops what the key has. */
  endKey(): void {
    this.#backend.clearCurrentKey();
    this.setCurrentNamespace(undefined);
  }

  setCurrentKey(key: unknown): void {
    this.#backend.setCurrentKey(key);
  }

  get currentKey(): unknown {
    return this.#backend.currentKey;
  }

  get currentKeyGroup(): number {
    return this.#backend.currentKeyGroup;
  }

  setCurrentNamespace(namespace: unknown): void {
    this.namespace = namespace;
    this.#backend.setCurrentNamespace(namespace);
  }

  value: KeyedBackend['value'] = (descriptor, namespaced) => this.#backend.value(descriptor, namespaced);
  list: KeyedBackend['list'] = (descriptor, namespaced) => this.#backend.list(descriptor, namespaced);
  map: KeyedBackend['map'] = (descriptor, namespaced) => this.#backend.map(descriptor, namespaced);
  reducing: KeyedBackend['reducing'] = (descriptor, namespaced) => this.#backend.reducing(descriptor, namespaced);
  aggregating: KeyedBackend['aggregating'] = (descriptor, namespaced) =>
    this.#backend.aggregating(descriptor, namespaced);

  timers(_name: string, handler: Parameters<KeyedBackend['timers']>[1]): BatchTimers {
    return new BatchTimers(handler, this, this.#context.gate, () => this.#context.now());
  }

  keys(stateName: string): Iterable<unknown> {
    return this.#backend.keys(stateName);
  }

  clearCurrentKey(): void {
    this.#backend.clearCurrentKey();
  }

  standing: KeyedBackend['standing'] = (name, kind) => this.#backend.standing(name, kind);
  beginView: KeyedBackend['beginView'] = (plan) => this.#backend.beginView(plan);
  completed: KeyedBackend['completed'] = (generation) => this.#backend.completed(generation);

  get size(): number {
    return this.#backend.size;
  }

  close(): void {}
}
