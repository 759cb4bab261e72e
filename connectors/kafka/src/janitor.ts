/**
 * The janitor: ends the transactions that a job has left open which will not come back. Until somebody does, they hold
 * up every reader with `read_committed`, up to the transaction timeout.
 */

import type { ConnectorWorld } from 'millstream';
import type { KafkaClient, TransactionDescription, TransactionEnd, TransactionState } from './client.ts';
import { connectionSettings, invalid, type KafkaConnectionOptions } from './connection-options.ts';
import { jobError } from './failure.ts';
import { janitorWorld } from './janitor-world.ts';
import { PlatformClient } from './platform-client.ts';
import { retry } from './retry.ts';
import { parseTransactionalId } from './transactional-id.ts';

/** Whose transactions, and where. */
export interface KafkaJanitorOptions extends KafkaConnectionOptions {
  /** The prefix of the sink that wrote them. */
  readonly transactionalIdPrefix: string;
}

/** Which transactions are to be ended. */
export interface JanitorSelection {
  /** Default: all that are open. */
  readonly transactionalIds?: readonly string[];
  /** Only those that began longer ago, in milliseconds. Default 0. */
  readonly olderThanMs?: number;
}

const OWNER = 'Kafka janitor';

/** States in which a transaction holds up readers. */
const OPEN: ReadonlySet<TransactionState> = new Set(['Ongoing', 'PrepareCommit', 'PrepareAbort', 'PrepareEpochFence']);

/** A janitor waits for the cluster this long, unless told otherwise. */
const UNREACHABLE_TIMEOUT_MS = 30_000;

/**
 * A janitor for the transactions of one sink. Stop the job before: to a job that runs, an end from outside is the loss
 * of a checkpoint's data, or a commit of half a one.
 *
 * @example
 * ```ts no-run
 * const janitor = kafkaJanitor({ brokers: 'localhost:9092', transactionalIdPrefix: 'clicks-by-user' });
 * for (const { transactionalId, state, startedAt } of await janitor.list()) {
 *   console.log(transactionalId, state, new Date(startedAt));
 * }
 * await janitor.abort();
 * await janitor.close();
 * ```
 */
export function kafkaJanitor(options: KafkaJanitorOptions): KafkaJanitor {
  const settings = connectionSettings(OWNER, { unreachableTimeoutMs: UNREACHABLE_TIMEOUT_MS, ...options });
  const { transactionalIdPrefix: prefix } = options;
  if (typeof prefix !== 'string' || prefix === '')
    throw invalid(OWNER, 'it needs the `transactionalIdPrefix` of a sink');
  const world = janitorWorld();
  const clientId = `${settings.clientId}-janitor`;
  const client = settings.client?.(world, clientId) ?? new PlatformClient(settings, clientId);
  return new KafkaJanitor(world, client, prefix, settings.unreachableTimeoutMs);
}

/**
 * Lists and ends transactions; made by `kafkaJanitor`.
 *
 * @example
 * ```ts no-run
 * const janitor = kafkaJanitor({ brokers: 'localhost:9092', transactionalIdPrefix: 'clicks-by-user' });
 * const open = await janitor.list();
 * console.log(`${open.length} transactions are open`);
 * await janitor.close();
 * ```
 */
export class KafkaJanitor {
  readonly #world: ConnectorWorld;
  readonly #client: KafkaClient;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #closing = new AbortController();

  constructor(world: ConnectorWorld, client: KafkaClient, prefix: string, timeoutMs: number) {
    this.#world = world;
    this.#client = client;
    this.#prefix = prefix;
    this.#timeoutMs = timeoutMs;
  }

  /** The open transactions, the oldest first. With `all`, also what the brokers remember of those that have ended. */
  async list(options: { readonly all?: boolean } = {}): Promise<readonly TransactionDescription[]> {
    const names = await this.#retry('list the transactions', () => this.#client.listTransactions(`${this.#prefix}-`));
    const own = names.filter((id) => parseTransactionalId(this.#prefix, id) !== undefined);
    const described = await this.#retry('describe the transactions', () => this.#client.describeTransactions(own));
    return described
      .filter((one) => one !== undefined)
      .filter(({ state }) => options.all === true || OPEN.has(state))
      .toSorted((a, b) => a.startedAt - b.startedAt);
  }

  /**
   * Commits: readers see what was written. Right for what the last checkpoint holds, when the job will not be restored
   * from it; of others the records may be incomplete. Returns what was committed.
   */
  async commit(selection: JanitorSelection = {}): Promise<readonly TransactionDescription[]> {
    return await this.#end(selection, 'commit');
  }

  /** Aborts: readers never see what was written. Returns what was aborted. */
  async abort(selection: JanitorSelection = {}): Promise<readonly TransactionDescription[]> {
    return await this.#end(selection, 'abort');
  }

  async #end(
    { transactionalIds, olderThanMs = 0 }: JanitorSelection,
    end: TransactionEnd,
  ): Promise<readonly TransactionDescription[]> {
    const before = this.#world.clock.now() - olderThanMs;
    const chosen = (await this.list()).filter(
      ({ transactionalId, startedAt, state }) =>
        // What the broker has decided already, it carries out by itself.
        state === 'Ongoing' && startedAt <= before && transactionalIds?.includes(transactionalId) !== false,
    );
    const ended: TransactionDescription[] = [];
    for (const transaction of chosen) {
      const doing = `${end} transaction ${transaction.transactionalId}`;
      await this.#retry(doing, () => this.#client.endTransaction(transaction, end));
      ended.push(transaction);
    }
    return ended;
  }

  async #retry<T>(doing: string, work: () => Promise<T>): Promise<T> {
    const { signal } = this.#closing;
    try {
      return await retry({ world: this.#world, client: this.#client, timeoutMs: this.#timeoutMs, signal }, work);
    } catch (error) {
      throw jobError('sink', `cannot ${doing}`, error);
    }
  }

  /** Closes its connections. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#client.close();
  }
}
