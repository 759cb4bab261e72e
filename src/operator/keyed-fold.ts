/**
 * Folds per key: `reduce`, the rolling aggregations and `aggregate` are this operator with different text in the
 * middle. In STREAMING mode each record emits what it made of the accumulator; in BATCH mode each key emits its last
 * accumulator when its records are over.
 */

import { NO_TIMESTAMP } from '../data/record-batch.ts';
import { valueState, type ValueState } from '../state/descriptor.ts';
import type { KeyedBackend } from '../state/keyed-backend.ts';
import type { TimerDriver } from '../state/timers.ts';
import { FunctionOperator } from './function-operator.ts';
import type { OrClass, RichFunction } from './functions.ts';
import type { InlineCode } from './inline-code.ts';
import { meteredTimers } from './metered-timers.ts';
import type { OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';

/** An event time behind all others: timers at it fire when a key's records are over. */
export const END_OF_KEY: Timestamp = Number.MAX_SAFE_INTEGER;

export interface KeyedFold<F extends RichFunction> {
  readonly kind: string;
  readonly key: (value: never) => unknown;
  /** The function object, where there is one; text reaches it as `self.f`. */
  readonly f?: OrClass<F> | undefined;
  /** Emits at the end of each key only. */
  readonly batch: boolean;
  /** Writes what declares `next`, from the accumulator `previous` (undefined at the key's first record) and the record. */
  readonly write: (code: InlineCode, previous: string, next: string) => void;
  /** What is emitted of an accumulator. Default: itself. */
  readonly result?: (f: F, accumulator: never) => unknown;
  readonly describe?: OperatorDefinition['describe'];
}

export function keyedFold<F extends RichFunction>(fold: KeyedFold<F>): OperatorDefinition {
  return {
    kind: fold.kind,
    input: 'records',
    output: 'records',
    create: () => new KeyedFoldOperator(fold),
    inline: (code) => writeFold(code, fold),
    keySelectors: [fold.key],
    changelog: false,
    ...(fold.describe === undefined ? {} : { describe: fold.describe }),
  };
}

function writeFold<F extends RichFunction>(code: InlineCode, fold: KeyedFold<F>): void {
  const { self } = code;
  const previous = code.fresh('previous');
  const next = code.fresh('next');
  code.line(`${self}.backend.setCurrentKey(${code.bind(fold.key)}(${code.value}));`);
  code.line(`const ${previous} = ${self}.state.value();`);
  fold.write(code, previous, next);
  code.line(`${self}.state.update(${next});`);
  if (fold.batch) {
    code.line(`if (${previous} === undefined) ${self}.announceEnd();`);
    return;
  }
  if (fold.result === undefined) {
    code.emit(next, code.timestamp, '0');
    return;
  }
  const result = code.fresh('result');
  code.line(`const ${result} = ${code.bind(fold.result)}(${self}.f, ${next});`);
  code.emit(result, code.timestamp, '0');
}

class KeyedFoldOperator<F extends RichFunction> extends FunctionOperator<F, unknown> {
  state!: ValueState<unknown>;
  readonly #fold: KeyedFold<F>;
  #ends: TimerDriver | undefined;

  constructor(fold: KeyedFold<F>) {
    super(fold.f ?? ({} as F), true);
    this.#fold = fold;
  }

  protected override prepare(context: OperatorContext<unknown>): void {
    const backend: KeyedBackend = context.keyedBackend();
    this.state = backend.value(valueState<unknown>('accumulator'));
    if (this.#fold.batch) this.#ends = meteredTimers(context, backend, 'end-of-key', () => this.#emitLast());
  }

  announceEnd(): void {
    this.#ends?.service.registerEventTimeTimer(END_OF_KEY);
  }

  #emitLast(): void {
    const accumulator = this.state.value();
    const { result } = this.#fold;
    this.state.clear();
    this.output.emit(result === undefined ? accumulator : result(this.f, accumulator as never), NO_TIMESTAMP, 0);
  }

  override watermark(timestamp: Timestamp): void {
    if (this.#ends === undefined) this.output.watermark(timestamp);
    else this.#ends.advance(timestamp, () => this.output.watermark(timestamp));
  }
}
