/**
 * A sink of one's own that writes each record exactly once, in a job that fails on its way.
 *
 * The writer collects rows. At a checkpoint it prepares them as a *committable*, which becomes part of the checkpoint;
 * when the checkpoint is complete the committer writes them. A failure in between loses nothing: the committable comes
 * back with the checkpoint. It may come twice, so the committer must notice what it has written before.
 */

import { createEnvironment, type CommitRequest, type Committer, type Sink, type SinkWriter } from 'millstream';

/** Stands for a database: rows under the id of the transaction that brought them. */
const table = new Map<string, readonly number[]>();

interface Transaction {
  readonly id: string;
  readonly rows: readonly number[];
}

class Writer implements SinkWriter<number, Transaction> {
  readonly #name: string;
  #rows: number[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  write(row: number): void {
    this.#rows.push(row);
  }

  flush(): void {}

  prepareCommit(checkpoint: number): readonly Transaction[] {
    const transaction = { id: `${this.#name}-${checkpoint}`, rows: this.#rows };
    this.#rows = [];
    return transaction.rows.length === 0 ? [] : [transaction];
  }

  close(): void {}
}

class TableCommitter implements Committer<Transaction> {
  commit(requests: readonly CommitRequest<Transaction>[]): void {
    for (const request of requests) {
      const { id, rows } = request.committable;
      if (table.has(id)) request.alreadyCommitted();
      else table.set(id, rows);
    }
  }

  close(): void {}
}

const tableSink: Sink<number, Transaction, never> = {
  name: 'table',
  guarantee: 'exactly-once',
  createWriter: ({ jobId, subtask, attempt }) => new Writer(`${jobId}-${subtask}-${attempt}`),
  createCommitter: () => new TableCommitter(),
};

const env = createEnvironment();
env.enableCheckpointing(20).setRestartStrategy({ kind: 'fixed-delay', attempts: 1, delayMs: 10 });

let failed = false;
env
  .fromGenerator((index) => index, { count: 200, recordsPerSecond: 400 })
  .map((n) => {
    if (n === 120 && !failed) {
      failed = true;
      throw new Error('a failure, on purpose');
    }
    return n;
  })
  .sinkTo(tableSink);

const { restarts } = await env.execute('own sink');
const rows = [...table.values()].flat();
console.log(`${rows.length} rows, ${new Set(rows).size} different ones, after ${restarts} restart`);
