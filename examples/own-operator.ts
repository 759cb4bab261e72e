/**
 * An operator of one's own, written against the contract that the built-in ones have: here one that replaces runs of
 * equal values by one value and its length.
 *
 * Most jobs need no operator: a process function does the same with less. Write one to be in charge of everything:
 * what happens at the end of the input, with watermarks, and in snapshots.
 */

import {
  createEnvironment,
  NO_TIMESTAMP,
  PlainOperator,
  type OperatorContext,
  type OperatorDefinition,
  type SnapshotWriter,
} from 'millstream';

interface Run<T> {
  readonly value: T;
  readonly length: number;
}

const INSERT = 0;

class RunLengths<T> extends PlainOperator<Run<T>> {
  #run: Run<T> | undefined;

  /** Called first. After a restart, what `snapshot` wrote is there again. */
  override open(context: OperatorContext<Run<T>>): void {
    super.open(context);
    this.#run = context.restoredState.list('run')?.items[0] as Run<T> | undefined;
  }

  element(value: T): void {
    if (this.#run?.value === value) this.#run = { value, length: this.#run.length + 1 };
    else {
      this.#flush();
      this.#run = { value, length: 1 };
    }
  }

  override finish(): void {
    this.#flush();
    super.finish();
  }

  #flush(): void {
    if (this.#run !== undefined) this.output.emit(this.#run, NO_TIMESTAMP, INSERT);
    this.#run = undefined;
  }

  override snapshot(writer: SnapshotWriter): void {
    writer.list('run', 'split', this.#run === undefined ? [] : [this.#run]);
  }
}

/** What the graph holds: plain data, and a factory that every subtask calls for itself. */
const runLengths: OperatorDefinition = {
  kind: 'run-lengths',
  input: 'records',
  output: 'records',
  create: () => new RunLengths<string>(),
};

const env = createEnvironment();

env
  .fromData('sun', 'sun', 'rain', 'rain', 'rain', 'sun', 'snow', 'snow')
  .transform<Run<string>>('Run lengths', runLengths)
  .map(({ value, length }) => `${length} × ${value}`)
  .print();

await env.execute('own operator');
