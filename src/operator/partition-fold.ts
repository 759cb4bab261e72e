/**
 * `reduce` and `aggregate` over a whole partition without keys: one result per subtask, when its bounded input has
 * ended.
 */

import { MAX_WATERMARK } from '../data/element.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import type { SnapshotWriter } from '../state/snapshot.ts';
import { FunctionOperator } from './function-operator.ts';
import type { OrClass, RichFunction } from './functions.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';
import { refusePromise } from './user-function.ts';

/** A fold with a function object. `next` gets undefined at the first record. */
export interface PartitionFold<F extends RichFunction, T, Acc, Out> {
  readonly kind: string;
  readonly f: OrClass<F>;
  readonly next: (f: F, accumulator: Acc | undefined, value: T) => Acc;
  readonly result: (f: F, accumulator: Acc) => Out;
}

export function partitionFold<F extends RichFunction, T, Acc, Out>(
  fold: PartitionFold<F, T, Acc, Out>,
): OperatorDefinition {
  return {
    kind: fold.kind,
    input: 'records',
    output: 'records',
    create: () => new PartitionFoldOperator(fold),
    changelog: false,
  };
}

/** The list in a snapshot: the accumulator, or nothing. */
const ACCUMULATOR = 'accumulator';

class PartitionFoldOperator<F extends RichFunction, T, Acc, Out>
  extends FunctionOperator<F, Out>
  implements InputOperator<T>
{
  readonly #fold: PartitionFold<F, T, Acc, Out>;
  #accumulator: Acc | undefined;

  constructor(fold: PartitionFold<F, T, Acc, Out>) {
    super(fold.f, false);
    this.#fold = fold;
  }

  override open(context: OperatorContext<Out>): void {
    super.open(context);
    [this.#accumulator] = context.operatorState.list<Acc>(ACCUMULATOR, 'split').items;
  }

  element(value: T): void {
    const next = this.#fold.next(this.f, this.#accumulator, value);
    if (next instanceof Promise) refusePromise(this.#fold.kind);
    this.#accumulator = next;
  }

  override watermark(timestamp: Timestamp): void {
    if (timestamp === MAX_WATERMARK && this.#accumulator !== undefined) {
      this.output.emit(this.#fold.result(this.f, this.#accumulator), NO_TIMESTAMP, 0);
      this.#accumulator = undefined;
    }
    this.output.watermark(timestamp);
  }

  override snapshot(writer: SnapshotWriter): void {
    this.context.operatorState
      .list<Acc>(ACCUMULATOR, 'split')
      .update(this.#accumulator === undefined ? [] : [this.#accumulator]);
    super.snapshot(writer);
  }
}
