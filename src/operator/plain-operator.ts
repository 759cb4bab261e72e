/** The parts of the operator contract that most operators share: keep the context, forward control, snapshot nothing. */

import type { SnapshotWriter } from '../state/snapshot.ts';
import type { Operator, OperatorContext, Output, Timestamp } from './operator.ts';

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
