/** The parts of the operator contract that most operators share: keep the context, forward control, snapshot nothing. */

import type { SnapshotWriter } from '../state/snapshot.ts';
import type { Operator, OperatorContext, Output, Timestamp } from './operator.ts';

/**
 * What operators of one's own extend: a subclass adds `element`, and overrides what it does differently.
 *
 * @example
 * ```ts
 * class Twice extends PlainOperator<number> implements InputOperator<number> {
 *   element(value: number, timestamp: number, kind: number): void {
 *     this.output.emit(value, timestamp, kind);
 *     this.output.emit(value, timestamp, kind);
 *   }
 * }
 * const twice: OperatorDefinition = { kind: 'twice', input: 'records', output: 'records', create: () => new Twice() };
 * ```
 */
export class PlainOperator<Out> implements Operator {
  protected context!: OperatorContext<Out>;
  protected output!: Output<Out>;

  open(context: OperatorContext<Out>): void {
    this.context = context;
    this.output = context.output;
  }

  watermark(timestamp: Timestamp): void {
    this.output.watermark(timestamp);
  }

  status(idle: boolean): void {
    this.output.status(idle);
  }

  finish(): void {
    this.output.finish();
  }

  resume(): void {}

  snapshot(_writer: SnapshotWriter): void {}

  close(): void | Promise<void> {}
}
