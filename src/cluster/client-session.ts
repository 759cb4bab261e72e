/** One client of a JobManager: its questions, answered from the jobs that the JobManager has. */

import { MillstreamError, serializeError } from '../base/error.ts';
import type { FromClient, JobQuestion, JobSubmission, ToClient } from './client-protocol.ts';
import type { HeldJob } from './held-job.ts';
import type { Wire } from './wire.ts';

/** What a session may ask of its JobManager. */
export interface JobHolder {
  take(submission: JobSubmission): Promise<HeldJob>;
  job(jobId: string): HeldJob | undefined;
  hasSlots(slots: number): Promise<void>;
}

export class ClientSession {
  readonly #wire: Wire<ToClient, FromClient>;
  readonly #jobs: JobHolder;

  constructor(wire: Wire<ToClient, FromClient>, jobs: JobHolder) {
    this.#wire = wire;
    this.#jobs = jobs;
  }

  receive(message: FromClient): void {
    switch (message.kind) {
      case 'client':
        return;
      case 'submit':
        this.#answer(message.request, async () => {
          await this.#jobs.take(message.submission);
        });
        return;
      case 'slots':
        this.#answer(message.request, () => this.#jobs.hasSlots(message.slots));
        return;
      case 'ask':
        this.#answer(message.request, () => this.#ask(message.jobId, message.question));
        return;
    }
  }

  #answer(request: number, work: () => Promise<unknown>): void {
    work().then(
      (value) => this.#wire.send({ kind: 'answer', request, value }),
      (error: unknown) => this.#wire.send({ kind: 'refused', request, error: serializeError(error) }),
    );
  }

  async #ask(jobId: string, question: JobQuestion): Promise<unknown> {
    const job = this.#jobs.job(jobId);
    if (job === undefined) {
      throw new MillstreamError(
        'JOB_UNKNOWN',
        `This cluster knows no job ${jobId}: it was never submitted here, or has ended long ago.`,
      );
    }
    switch (question.kind) {
      case 'status':
        return job.status;
      case 'result':
        return await job.result();
      case 'metrics':
        return await job.metrics();
      case 'exceptions':
        return job.exceptions;
      case 'cancel':
        return await job.cancel();
      case 'stop':
        return await job.stop(question.drain, question.options);
      case 'savepoint':
        return await job.savepoint(question.options);
      case 'checkpoint':
        return (await job.checkpoint()).id;
      case 'next':
        return await job.batches(question.operatorId).nextBatch(question.taken);
      case 'leave':
        await job.batches(question.operatorId).leave();
        return undefined;
    }
  }
}
