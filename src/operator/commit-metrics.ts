/** What a committer did, counted by Flink's names (FLIP-371). */

import type { Counter, MetricGroup } from '../observe/metrics.ts';

/** How a request was answered; `committed` unless it was said otherwise. */
export type CommitAnswer = 'committed' | 'already' | 'later' | 'failed';

export class CommitMetrics {
  /** Prepared here, or taken over from a checkpoint. */
  readonly total: Counter;
  readonly #byAnswer: Readonly<Record<CommitAnswer, Counter>>;

  /** `pending`: how many wait at the moment. */
  constructor(metrics: MetricGroup, pending: () => number) {
    this.total = metrics.counter('totalCommittables');
    this.#byAnswer = {
      committed: metrics.counter('successfulCommittables'),
      already: metrics.counter('alreadyCommittedCommittables'),
      later: metrics.counter('retriedCommittables'),
      failed: metrics.counter('failedCommittables'),
    };
    metrics.gauge('pendingCommittables', pending);
  }

  answered(answer: CommitAnswer): void {
    this.#byAnswer[answer].inc();
  }
}
