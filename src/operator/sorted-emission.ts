/**
 * Hands the records of a sorter out in order, one at a time, as long as the gate lets it; between blocks that are being
 * read from disk it holds the input and goes on by mail.
 */

import type { Resumable } from '../base/resumable.ts';
import { NOT_READ_YET, type ExternalSorter, type Merge } from './async-sorter.ts';
import type { OperatorContext } from './operator.ts';

export class SortedEmission<T> implements Resumable {
  readonly #context: OperatorContext<never>;
  readonly #sorter: ExternalSorter<T>;
  #merge: Merge<T> | undefined;
  readonly #each: (record: T) => void;
  readonly #done: () => void;
  state: 'running' | 'done' = 'running';

  /** `each` gets every record, then `done` is called; both on the task's thread. */
  constructor(context: OperatorContext<never>, sorter: ExternalSorter<T>, each: (record: T) => void, done: () => void) {
    this.#context = context;
    this.#sorter = sorter;
    this.#each = each;
    this.#done = done;
  }

  start(): void {
    const { spilling } = this.#sorter;
    if (spilling === undefined) this.resume();
    else this.#await(spilling, () => this.resume());
  }

  resume(): void {
    const { gate } = this.#context;
    const merge = (this.#merge ??= this.#sorter.merge());
    for (;;) {
      const next = merge.next();
      if (next === undefined) return this.#end(merge);
      if (next === NOT_READ_YET) return this.#await(merge.ready(), () => this.resume());
      this.#each(next.value);
      if (!gate.proceed()) return gate.pause(this);
    }
  }

  #end(merge: Merge<T>): void {
    this.#await(
      merge.close().then(() => this.#sorter.close()),
      () => {
        this.state = 'done';
        this.#done();
      },
    );
  }

  /** Goes on when `work` has settled, with the input held until then. */
  #await(work: Promise<void>, next: () => void): void {
    this.#context.hold(work);
    work.then(
      () => this.#context.mail(next),
      // The hold has failed the task.
      () => {},
    );
  }

  /** For a task that ends before its time. */
  close(): Promise<void> {
    return this.state === 'running' && this.#merge !== undefined ? this.#merge.close() : Promise.resolve();
  }
}
