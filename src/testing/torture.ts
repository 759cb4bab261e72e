/**
 * The torturer: one harness that every stateful operator meets.
 *
 * It runs an operator over the same input in several ways, each in the generated chain that runs it in a job: element
 * by element; in batches; with a snapshot after every item from which a new instance goes on; with a gate that closes
 * after every output; with a snapshot in the middle of every burst of timers; with checkpoints that build upon each
 * other, complete or not; and with checkpoints that are written while the operator goes on. All must give the same, and
 * every checkpoint must hold what was there at its barrier.
 *
 * A watermark that a restored instance has seen before is given to it again, as its input would do. What comes out
 * between two watermarks has no order across keys after a restore.
 */

import { AssertionError } from 'node:assert';
import { inspect, isDeepStrictEqual } from 'node:util';
import { TypeRegistry } from '../data/type-registry.ts';
import type { InputOperator, OperatorDefinition, RowKindCode, Timestamp } from '../operator/operator.ts';
import { restoredState } from '../state/snapshot-data.ts';
import type { OperatorSnapshot } from '../state/snapshot.ts';
import { OperatorHarness, type HarnessOptions, type HarnessOutput, type LateSnapshot } from './operator-harness.ts';

/** One thing that happens to an operator. */
export type TortureInput =
  | {
      readonly kind: 'element';
      readonly value: unknown;
      readonly timestamp: Timestamp;
      readonly rowKind: RowKindCode;
      readonly input: number;
    }
  | { readonly kind: 'watermark'; readonly timestamp: Timestamp }
  | { readonly kind: 'status'; readonly idle: boolean }
  | { readonly kind: 'processing-time'; readonly time: number }
  | { readonly kind: 'finish' };

/** One thing that comes out of it. An element stands for both. */
export type TortureOutput = HarnessOutput | Extract<TortureInput, { readonly kind: 'element' }>;

type ElementItem = Extract<TortureInput, { readonly kind: 'element' }>;
type WatermarkItem = Extract<TortureInput, { readonly kind: 'watermark' }>;
type StatusItem = Extract<TortureInput, { readonly kind: 'status' }>;

/**
 * An element, given or expected. `timestamp` is event time in milliseconds; without it the element has none.
 *
 * @example
 * ```ts
 * const first = element({ user: 'ann' }, 1_000);
 * ```
 */
export function element(value: unknown, timestamp: Timestamp = -Infinity, rowKind: RowKindCode = 0): ElementItem {
  return { kind: 'element', value, timestamp, rowKind, input: 0 };
}

/**
 * An element of the second input.
 *
 * @example
 * ```ts
 * const rule = element2({ limit: 10 }, 1_000);
 * ```
 */
export function element2(value: unknown, timestamp: Timestamp = -Infinity, rowKind: RowKindCode = 0): ElementItem {
  return { kind: 'element', value, timestamp, rowKind, input: 1 };
}

/**
 * A watermark, given or expected.
 *
 * @example
 * ```ts
 * const noneBefore = watermark(2_000);
 * ```
 */
export function watermark(timestamp: Timestamp): WatermarkItem {
  return { kind: 'watermark', timestamp };
}

/**
 * The input falls idle.
 *
 * @example
 * ```ts
 * const silent = idle();
 * ```
 */
export function idle(): StatusItem {
  return { kind: 'status', idle: true };
}

/**
 * The input is active again.
 *
 * @example
 * ```ts
 * const awake = active();
 * ```
 */
export function active(): StatusItem {
  return { kind: 'status', idle: false };
}

/**
 * The clock of the machine moves to `time`, in milliseconds.
 *
 * @example
 * ```ts
 * const later = processingTime(5_000);
 * ```
 */
export function processingTime(time: number): Extract<TortureInput, { readonly kind: 'processing-time' }> {
  return { kind: 'processing-time', time };
}

/**
 * The bounded input has ended.
 *
 * @example
 * ```ts
 * const end = finish();
 * ```
 */
export function finish(): { readonly kind: 'finish' } {
  return { kind: 'finish' };
}

/**
 * An element that is expected on a side output.
 *
 * @example
 * ```ts
 * const late = side('late', { user: 'ann' }, 1_000);
 * ```
 */
export function side(
  tag: string,
  value: unknown,
  timestamp: Timestamp = -Infinity,
): Extract<HarnessOutput, { readonly kind: 'side' }> {
  return { kind: 'side', tag, value, timestamp };
}

/** How an operator is to be run. */
export interface TortureOptions {
  /** Inputs of the operator. Default 1. */
  readonly inputs?: number;
  /** Side outputs to look at. Default: those that are expected. */
  readonly sides?: readonly string[];
  /** Processing time at the beginning, in milliseconds. Default 0. */
  readonly now?: number;
  readonly types?: TypeRegistry;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** What is tortured: a definition, or an operator instance, each new for every run. */
export type TortureSubject = () => OperatorDefinition | InputOperator<never>;

/**
 * Begins a torture.
 *
 * @throws AssertionError from `expect` and `leavesNoState`, naming the way of running in which something differed.
 *
 * @example
 * ```ts
 * class Doubling extends PlainOperator<number> {
 *   element(value: number, timestamp: number): void {
 *     this.output.emit(value * 2, timestamp, 0);
 *   }
 * }
 * torture(() => new Doubling())
 *   .given(element(1, 10), watermark(10))
 *   .expect(element(2, 10), watermark(10))
 *   .leavesNoState();
 * ```
 */
export function torture(subject: TortureSubject, options: TortureOptions = {}): Torture {
  return new Torture(subject, options, []);
}

/** The ways in which the input is given. */
type Way =
  | 'element by element'
  | 'in batches'
  | 'with a snapshot after every item'
  | 'with a stop after every output'
  | 'with a stop after every output and a snapshot after every item'
  | 'with a snapshot within every burst of timers'
  | 'with checkpoints that build upon each other'
  | 'with checkpoints that are written while it goes on';

const WAYS: readonly Way[] = [
  'element by element',
  'in batches',
  'with a snapshot after every item',
  'with a stop after every output',
  'with a stop after every output and a snapshot after every item',
  'with a snapshot within every burst of timers',
  'with checkpoints that build upon each other',
  'with checkpoints that are written while it goes on',
];

/** Items between two checkpoints that build upon each other, in turn: what changes twice between them is noted once. */
const GAPS: readonly number[] = [1, 3, 2];
/** Of the checkpoints that build upon each other: so many are a round, in which some complete and others do not. */
const ROUND = 3;
/** What is written of one at once: less than so many steps. */
const LATE_STEPS = 4;
/** After so many the operator is restored from the last one. */
const RESTORED_EVERY = 4;

/** What one way of running gave. */
interface Outcome {
  readonly output: readonly HarnessOutput[];
  readonly left: OperatorSnapshot;
}

/**
 * A torture in the making; see {@link torture}.
 *
 * @example
 * ```ts
 * declare const definition: () => OperatorDefinition;
 * const output = torture(definition).given(element('a', 1), watermark(1)).agree();
 * ```
 */
export class Torture {
  readonly #subject: TortureSubject;
  readonly #options: TortureOptions;
  readonly #items: readonly TortureInput[];
  #outcomes: ReadonlyMap<Way, Outcome> | undefined;

  constructor(subject: TortureSubject, options: TortureOptions, items: readonly TortureInput[]) {
    this.#subject = subject;
    this.#options = options;
    this.#items = items;
  }

  /** What happens to the operator, in order. */
  given(...items: readonly TortureInput[]): Torture {
    return new Torture(this.#subject, this.#options, [...this.#items, ...items]);
  }

  /** Runs in every way and compares what came out. */
  expect(...expected: readonly TortureOutput[]): this {
    const wanted = expected.map(asOutput);
    const named = wanted.flatMap((seen) => (seen.kind === 'side' ? [seen.tag] : []));
    for (const [way, { output }] of this.#run(this.#options.sides ?? [...new Set(named)])) compare(way, output, wanted);
    return this;
  }

  /** Runs in every way and demands that all give the same; returns it, as given element by element. */
  agree(): readonly HarnessOutput[] {
    const outcomes = this.#run(this.#options.sides ?? []);
    const first = (outcomes.get('element by element') as Outcome).output;
    for (const [way, { output }] of outcomes) compare(way, output, first);
    return first;
  }

  /** Demands that no key, no timer and no list item is left behind. */
  leavesNoState(): this {
    for (const [way, { left }] of this.#outcomes ?? this.#run(this.#options.sides ?? [])) {
      const rest = [
        ...restoredState([left], this.#options.types ?? new TypeRegistry()).keyed.map((state) => ({
          name: state.name,
          kind: state.kind,
          entries: [...state.entries()].length,
        })),
        ...left.lists.map(({ name, items }) => ({ name, kind: 'operator list', entries: items.length })),
      ].filter(({ entries }) => entries > 0);
      if (rest.length > 0) {
        const list = rest.map(({ name, kind, entries }) => `${name} (${kind}): ${entries}`).join(', ');
        throw new AssertionError({
          message: `State was left behind when run ${way}: ${list}.`,
          actual: rest,
          expected: [],
          operator: 'deepStrictEqual',
        });
      }
    }
    return this;
  }

  #run(sides: readonly string[]): ReadonlyMap<Way, Outcome> {
    const outcomes = new Map(
      WAYS.map((way) => [way, new Run(this.#subject, { ...this.#options, sides }, way).play(this.#items)]),
    );
    this.#outcomes = outcomes;
    return outcomes;
  }
}

/** One way of running, and what it remembers to set up a restored instance like the one before. */
class Run {
  readonly #subject: TortureSubject;
  readonly #options: HarnessOptions;
  readonly #way: Way;
  readonly #output: HarnessOutput[] = [];
  #harness: OperatorHarness;
  #watermark: Timestamp | undefined;
  #idle = false;
  /** Outputs of the present instance that have been taken over. */
  #taken = 0;
  #checkpoints = 0;
  /** Since the last checkpoint. */
  #items = 0;
  /** A checkpoint that is being written, and the entries that it should have. */
  #late: { readonly snapshot: LateSnapshot; readonly wanted: readonly string[] } | undefined;

  constructor(subject: TortureSubject, options: HarnessOptions, way: Way) {
    this.#subject = subject;
    this.#way = way;
    const stops =
      way === 'with a stop after every output' ||
      way === 'with a stop after every output and a snapshot after every item' ||
      way === 'with a snapshot within every burst of timers';
    this.#options = { ...options, stopAlways: stops };
    this.#harness = new OperatorHarness(definitionOf(subject), this.#options);
  }

  play(items: readonly TortureInput[]): Outcome {
    const snapshots =
      this.#way === 'with a snapshot after every item' ||
      this.#way === 'with a stop after every output and a snapshot after every item';
    for (const group of this.#way === 'in batches' ? batches(items) : items.map((item) => [item])) {
      this.#give(group);
      this.#take();
      if (snapshots) this.#replace(this.#harness.snapshot());
      else this.#checkpointAfterGap();
    }
    return { output: this.#output, left: this.#harness.snapshot() };
  }

  #checkpointAfterGap(): void {
    if (++this.#items < (GAPS[this.#checkpoints % GAPS.length] as number)) return;
    this.#items = 0;
    if (this.#way === 'with checkpoints that build upon each other') this.#checkpoint();
    else if (this.#way === 'with checkpoints that are written while it goes on') this.#lateCheckpoint();
  }

  #give(group: readonly TortureInput[]): void {
    const [item] = group;
    if (item === undefined) return;
    switch (item.kind) {
      case 'element':
        this.#harness.batch(
          group.map((each) => [
            (each as ElementItem).value,
            (each as ElementItem).timestamp,
            (each as ElementItem).rowKind,
          ]),
          item.input,
        );
        return;
      case 'watermark':
        this.#giveWatermark(item.timestamp);
        return;
      case 'status':
        this.#idle = item.idle;
        this.#harness.status(item.idle);
        return;
      case 'processing-time':
        this.#harness.processingTime(item.time);
        return;
      case 'finish':
        this.#harness.finish();
    }
  }

  /** A burst that is interrupted goes on in an instance that was restored from the middle of it. */
  #giveWatermark(timestamp: Timestamp): void {
    if (this.#way !== 'with a snapshot within every burst of timers') {
      this.#watermark = timestamp;
      this.#harness.watermark(timestamp);
      return;
    }
    for (;;) {
      this.#harness.watermarkUntilStopped(timestamp);
      this.#take();
      if (!this.#harness.paused) break;
      if (this.#harness.interruptible) this.#replace(this.#harness.snapshot());
      else {
        this.#harness.resume();
        break;
      }
    }
    this.#watermark = timestamp;
  }

  #take(): void {
    const { output } = this.#harness;
    for (; this.#taken < output.length; this.#taken++) this.#output.push(output[this.#taken] as HarnessOutput);
  }

  /** Takes a checkpoint, which completes, is given up, or stays under way; sometimes goes on from it. */
  #checkpoint(): void {
    const number = this.#checkpoints++;
    const snapshot = this.#harness.snapshot();
    if (number % ROUND === 0) this.#harness.checkpointComplete();
    else if (number % ROUND === 1) this.#harness.checkpointAborted();
    this.#take();
    if (number % RESTORED_EVERY === RESTORED_EVERY - 1) this.#replace(snapshot);
  }

  /**
   * Ends the checkpoint that was begun before, and compares it with what was there then; begins another, of which a
   * little is written at once.
   */
  #lateCheckpoint(): void {
    const number = this.#checkpoints++;
    const late = this.#late;
    if (late !== undefined) {
      this.#late = undefined;
      if (number % ROUND === 1) late.snapshot.abort();
      else {
        const written = late.snapshot.finish();
        this.#checkEntries(this.#entriesOf(written), late.wanted);
        late.snapshot.complete();
        if (number % RESTORED_EVERY === RESTORED_EVERY - 1) this.#replace(this.#harness.snapshot());
      }
    }
    const wanted = this.#entriesOf(this.#harness.snapshot('savepoint'));
    const snapshot = this.#harness.snapshotLater();
    snapshot.write(number % LATE_STEPS);
    this.#late = { snapshot, wanted };
    this.#take();
  }

  #entriesOf(snapshot: OperatorSnapshot): readonly string[] {
    const { keyed } = restoredState([snapshot], this.#options.types ?? new TypeRegistry());
    return keyed
      .flatMap((state) => Array.from(state.entries(), (entry) => `${state.name} ${inspect(entry, { depth: null })}`))
      .toSorted();
  }

  #checkEntries(actual: readonly string[], expected: readonly string[]): void {
    if (isDeepStrictEqual(actual, expected)) return;
    throw new AssertionError({
      message: 'A checkpoint that was written while the operator went on does not hold what was there at its barrier.',
      actual,
      expected,
      operator: 'deepStrictEqual',
    });
  }

  /** Goes on in a new instance. */
  #replace(restore: OperatorSnapshot): void {
    this.#harness = new OperatorHarness(definitionOf(this.#subject), {
      ...this.#options,
      restore,
      now: this.#harness.clock.now(),
    });
    if (this.#watermark !== undefined) this.#harness.watermark(this.#watermark);
    if (this.#idle) this.#harness.status(true);
    // A timer that was registered behind the watermark fires with the next one, and this is one.
    const { output } = this.#harness;
    this.#output.push(...output.filter((seen) => seen.kind !== 'watermark' && seen.kind !== 'status'));
    this.#taken = output.length;
  }
}

function definitionOf(subject: TortureSubject): OperatorDefinition {
  const made = subject();
  if (!('open' in made)) return made;
  return { kind: 'operator', input: 'records', output: 'records', create: () => subject() as InputOperator<never> };
}

/** Elements that follow each other on one input travel together. */
function batches(items: readonly TortureInput[]): TortureInput[][] {
  const groups: TortureInput[][] = [];
  for (const item of items) {
    const last = groups.at(-1);
    const before = last?.[0];
    if (last !== undefined && item.kind === 'element' && before?.kind === 'element' && before.input === item.input)
      last.push(item);
    else groups.push([item]);
  }
  return groups;
}

function asOutput(item: TortureOutput): HarnessOutput {
  if (item.kind !== 'element') return item;
  const { kind, value, timestamp, rowKind } = item;
  return { kind, value, timestamp, rowKind };
}

/** Whether the order between two watermarks is the operator's own, and not that of a restored state. */
function keepsOrder(way: Way): boolean {
  return way === 'element by element' || way === 'in batches' || way === 'with a stop after every output';
}

function compare(way: Way, output: readonly HarnessOutput[], wanted: readonly HarnessOutput[]): void {
  const [actual, expected] = keepsOrder(way)
    ? [output, wanted]
    : [sortedBetweenWatermarks(output), sortedBetweenWatermarks(wanted)];
  if (isDeepStrictEqual(actual, expected)) return;
  throw new AssertionError({
    message: `Other output than expected when run ${way}:\n${inspect(actual, INSPECTION)}\ninstead of\n${inspect(expected, INSPECTION)}`,
    actual,
    expected,
    operator: 'deepStrictEqual',
  });
}

const INSPECTION = { depth: 8, breakLength: 160, maxArrayLength: null } as const;

/** The outputs, those between two watermarks in an order of their text. */
export function sortedBetweenWatermarks(output: readonly HarnessOutput[]): readonly HarnessOutput[] {
  const sorted: HarnessOutput[] = [];
  let between: HarnessOutput[] = [];
  const flush = (): void => {
    sorted.push(
      ...between
        .map((seen) => ({ seen, text: inspect(seen, INSPECTION) }))
        .toSorted((a, b) => (a.text < b.text ? -1 : 1))
        .map(({ seen }) => seen),
    );
    between = [];
  };
  for (const seen of output) {
    if (seen.kind === 'element' || seen.kind === 'side') {
      between.push(seen);
      continue;
    }
    flush();
    sorted.push(seen);
  }
  flush();
  return sorted;
}
