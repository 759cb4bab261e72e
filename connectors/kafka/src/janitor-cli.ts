#!/usr/bin/env node
/** `millstream-kafka-janitor`: the janitor as a program. */

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { SaslOptions } from './connection-options.ts';
import { kafkaJanitor, type KafkaJanitor } from './janitor.ts';
import type { TransactionDescription } from './client.ts';

const USAGE = `millstream-kafka-janitor list|commit|abort --brokers HOST:PORT --prefix PREFIX [options]

Lists, commits or aborts the transactions that a Kafka sink of a job has left open. Stop the job before.

  --brokers LIST        where the cluster is reached, with commas between
  --prefix PREFIX       the transactionalIdPrefix of the sink
  --id ID               only this transactional id; may be given several times
  --older-than SECONDS  only transactions that began longer ago
  --all                 list also what has ended
  --json                print JSON
  --tls                 encrypt the connections
  --ca FILE             the authority that signed the brokers' certificates (PEM); implies --tls
  --sasl MECHANISM      PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
  --user NAME           for --sasl; the password is read from the variable KAFKA_PASSWORD
`;

const ACTIONS = ['list', 'commit', 'abort'] as const;
type Action = (typeof ACTIONS)[number];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    brokers: { type: 'string' },
    prefix: { type: 'string' },
    id: { type: 'string', multiple: true },
    'older-than': { type: 'string' },
    all: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    tls: { type: 'boolean', default: false },
    ca: { type: 'string' },
    sasl: { type: 'string' },
    user: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const action = ACTIONS.find((name) => name === positionals[0]);
  const { brokers, prefix } = values;
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (action === undefined || brokers === undefined || prefix === undefined) {
    process.stderr.write(USAGE);
    return 2;
  }
  const janitor = kafkaJanitor({
    brokers,
    transactionalIdPrefix: prefix,
    ...(values.ca !== undefined ? { tls: { ca: readFileSync(values.ca, 'utf8') } } : values.tls ? { tls: true } : {}),
    ...(values.sasl === undefined ? {} : { sasl: saslOf(values.sasl) }),
  });
  try {
    print(action, await run(janitor, action));
    return 0;
  } finally {
    await janitor.close();
  }
}

/** The mechanism is checked by the janitor. */
function saslOf(mechanism: string): SaslOptions {
  return {
    mechanism: mechanism as SaslOptions['mechanism'],
    username: values.user ?? '',
    password: process.env['KAFKA_PASSWORD'] ?? '',
  };
}

function run(janitor: KafkaJanitor, action: Action): Promise<readonly TransactionDescription[]> {
  if (action === 'list') return janitor.list({ all: values.all });
  const selection = {
    ...(values.id === undefined ? {} : { transactionalIds: values.id }),
    ...(values['older-than'] === undefined ? {} : { olderThanMs: Number(values['older-than']) * 1000 }),
  };
  return action === 'commit' ? janitor.commit(selection) : janitor.abort(selection);
}

function print(action: Action, transactions: readonly TransactionDescription[]): void {
  if (values.json) {
    process.stdout.write(`${JSON.stringify(transactions)}\n`);
    return;
  }
  for (const { transactionalId, state, startedAt, timeoutMs, producerId, epoch, partitions } of transactions) {
    const began = startedAt < 0 ? 'not begun' : `begun ${new Date(startedAt).toISOString()}`;
    const where = partitions.map(({ topic, partition }) => `${topic}-${partition}`).join(' ');
    const what = action === 'list' ? state : action === 'commit' ? 'committed' : 'aborted';
    process.stdout.write(
      `${transactionalId}  ${what}  producer ${producerId} epoch ${epoch}  ${began}  timeout ${timeoutMs / 1000} s  ${where}\n`,
    );
  }
  const count = `${transactions.length} transaction${transactions.length === 1 ? '' : 's'}`;
  process.stdout.write(`${count}${action === 'list' ? '' : action === 'commit' ? ' committed' : ' aborted'}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
