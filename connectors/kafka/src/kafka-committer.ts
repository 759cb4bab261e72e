/** Commits what writers prepared, from the committables alone. */

import type { CommitRequest, Committer, ConnectorWorld } from 'millstream';
import { KafkaFailure, type KafkaClient } from './client.ts';
import { jobError } from './failure.ts';
import type { SinkSettings } from './sink-settings.ts';
import { commitTransaction, lossMessage, type KafkaCommittable } from './transaction.ts';

/** How long one call tries; then the engine is asked to call again later. */
const TRY_MS = 5_000;

export class KafkaCommitter implements Committer<KafkaCommittable> {
  readonly #world: ConnectorWorld;
  readonly #client: KafkaClient;
  readonly #onLost: 'fail' | 'ignore';
  readonly #closing = new AbortController();

  constructor(world: ConnectorWorld, settings: SinkSettings<never>) {
    this.#world = world;
    this.#client = settings.connect(world, 'committer');
    this.#onLost = settings.onLostTransaction;
  }

  async commit(requests: readonly CommitRequest<KafkaCommittable>[]): Promise<void> {
    await Promise.all(requests.map((request) => this.#commit(request)));
  }

  async #commit(request: CommitRequest<KafkaCommittable>): Promise<void> {
    const { committable } = request;
    const options = { world: this.#world, client: this.#client, timeoutMs: TRY_MS, signal: this.#closing.signal };
    try {
      const { outcome, fate, refusal } = await commitTransaction(committable, options);
      if (outcome === 'already') request.alreadyCommitted();
      if (outcome === 'lost') this.#lost(request, lossMessage(committable, fate, this.#world.clock.now()), refusal);
    } catch (error) {
      if (error instanceof KafkaFailure && error.passes) request.retryLater();
      else throw jobError('sink', `cannot commit transaction ${committable.transactionalId}`, error);
    }
  }

  #lost(request: CommitRequest<KafkaCommittable>, message: string, cause: unknown): void {
    if (this.#onLost === 'fail') request.failed(new Error(message, { cause }));
    else this.#world.print(`Data is lost, and the job goes on as onLostTransaction says: ${message}`, 'error');
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#client.close();
  }
}
