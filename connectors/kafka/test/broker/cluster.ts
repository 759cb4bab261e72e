/**
 * Real brokers for tests, in KRaft mode, each in a process of its own on free ports of the loopback interface, with its
 * data in a scratch folder. They are stopped with SIGTERM; a test may also kill one and start it again.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel, type Admin, type KafkaConfig } from 'kafkajs';
import { brokerJars } from './install.ts';
import { Oracle } from './oracle.ts';

/** How a cluster is made. */
export interface ClusterOptions {
  /** Default 1. */
  readonly brokers?: 1 | 3;
  /** Adds listeners with SASL, and with SASL inside TLS. */
  readonly security?: boolean;
  /** Stands between clients and the only broker, which names the proxy's port as its own. */
  readonly proxy?: { readonly port: number; target: number };
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** A user of the secured listeners. PLAIN knows alice, SCRAM knows bob. */
export const ALICE = { username: 'alice', password: 'alice-secret' } as const;
export const BOB = { username: 'bob', password: 'bob-secret' } as const;

const START_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 15_000;
const HEAP = ['-Xms64m', '-Xmx256m'];

interface Ports {
  readonly plain: number;
  readonly sasl: number;
  readonly tls: number;
  readonly controller: number;
}

/** One broker: its ports and folder stay the same when it is killed and started again. */
class Broker {
  readonly ports: Ports;
  readonly folder: string;
  readonly #jars: string;
  #process: ChildProcess | undefined;

  constructor(jars: string, folder: string, ports: Ports) {
    this.#jars = jars;
    this.folder = folder;
    this.ports = ports;
  }

  start(): void {
    const log = openSync(join(this.folder, 'out.log'), 'a');
    const options = [...HEAP, '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-XX:-UsePerfData', '-Xshare:auto'];
    const logging = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-Dorg.slf4j.simpleLogger.showDateTime=true'];
    this.#process = spawn(
      'java',
      ['-cp', join(this.#jars, '*'), ...options, ...logging, 'kafka.Kafka', join(this.folder, 'server.properties')],
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    RUNNING.add(this.#process);
  }

  get ended(): boolean {
    const { exitCode = null, signalCode = null } = this.#process ?? {};
    return exitCode !== null || signalCode !== null;
  }

  get log(): string {
    return readFileSync(join(this.folder, 'out.log'), 'utf8');
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined) return;
    const exited = new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve();
      else child.once('exit', () => resolve());
    });
    child.kill(signal);
    const patience = new AbortController();
    const late = sleep(STOP_TIMEOUT_MS, undefined, { signal: patience.signal, ref: false }).then(
      () => void child.kill('SIGKILL'),
      () => {},
    );
    await exited;
    patience.abort();
    await late;
    RUNNING.delete(child);
  }
}

/** What must not outlive this process. */
const RUNNING = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of RUNNING) child.kill('SIGKILL');
});

export class KafkaCluster {
  readonly #brokers: readonly Broker[];
  readonly #folder: string;
  readonly #jars: string;
  #oracle: Oracle | undefined;

  private constructor(jars: string, folder: string, brokers: readonly Broker[]) {
    this.#jars = jars;
    this.#folder = folder;
    this.#brokers = brokers;
  }

  static async start(options: ClusterOptions = {}): Promise<KafkaCluster> {
    const jars = await brokerJars();
    const folder = mkdtempSync(join(tmpdir(), 'millstream-kafka-'));
    const count = options.brokers ?? 1;
    const ports = await freePorts(count * 4);
    const brokers = Array.from({ length: count }, (_, index) => {
      const [plain, sasl, tls, controller] = ports.slice(index * 4) as [number, number, number, number];
      return new Broker(jars, join(folder, String(index + 1)), { plain, sasl, tls, controller });
    });
    if (options.security === true) makeCertificate(folder);
    const clusterId = uuid();
    for (const index of brokers.keys()) configure(folder, brokers, index, clusterId, options);
    const cluster = new KafkaCluster(jars, folder, brokers);
    if (options.proxy !== undefined) options.proxy.target = cluster.port();
    for (const broker of brokers) broker.start();
    try {
      await cluster.ready();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get bootstrap(): string {
    return this.#brokers.map(({ ports }) => `127.0.0.1:${ports.plain}`).join(',');
  }

  get sasl(): string {
    return `127.0.0.1:${this.#broker(0).ports.sasl}`;
  }

  get tls(): string {
    return `localhost:${this.#broker(0).ports.tls}`;
  }

  /** The authority of the TLS listener, PEM. */
  get ca(): string {
    return readFileSync(join(this.#folder, 'ca.pem'), 'utf8');
  }

  port(broker = 0): number {
    return this.#broker(broker).ports.plain;
  }

  #broker(index: number): Broker {
    return this.#brokers[index] as Broker;
  }

  /** Resolves when all brokers that run answer. */
  async ready(): Promise<void> {
    const giveUpAt = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const ended = this.#brokers.find((broker) => broker.ended);
      if (ended !== undefined) throw new Error(`A broker ended by itself:\n${ended.log}`);
      const admin = this.client({ connectionTimeout: 1_000, requestTimeout: 5_000, retry: { retries: 0 } }).admin();
      try {
        await admin.connect();
        const { brokers, controller } = await admin.describeCluster();
        if (brokers.length === this.#brokers.length && controller !== null) return;
      } catch {
        // Not yet.
      } finally {
        await admin.disconnect();
      }
      if (Date.now() > giveUpAt) throw new Error(`The brokers do not answer:\n${this.#broker(0).log}`);
      await sleep(100);
    }
  }

  /** A reader to believe, started when it is first asked for. */
  get oracle(): Oracle {
    return (this.#oracle ??= new Oracle(this.#jars));
  }

  /** kafkajs, a second client that shares no code with the one under test: it writes and administers. */
  client(config: Partial<KafkaConfig> = {}): Kafka {
    return new Kafka({
      clientId: 'oracle',
      brokers: this.bootstrap.split(','),
      logLevel: logLevel.NOTHING,
      ...config,
    });
  }

  async createTopic(topic: string, numPartitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<void> {
    const admin = this.client().admin();
    await admin.connect();
    const giveUpAt = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const partitions = await this.#made(admin, topic, numPartitions, configs).catch((error: unknown) => {
        // On a busy machine a broker may not be one of its own cluster for a moment.
        if (Date.now() > giveUpAt) throw error;
        return [];
      });
      if (partitions.length === numPartitions && partitions.every(({ leader }) => leader >= 0)) break;
      if (Date.now() > giveUpAt) throw new Error(`Topic ${topic} has no leaders`);
      await sleep(20);
    }
    await admin.disconnect();
  }

  /** The partitions of a topic, which is made when it is not there. */
  async #made(
    admin: Admin,
    topic: string,
    numPartitions: number,
    configs: Readonly<Record<string, string>>,
  ): Promise<readonly { readonly leader: number }[]> {
    await admin.createTopics({
      // kafkajs gives up when a broker that was told of the topic does not know it yet.
      waitForLeaders: false,
      topics: [
        {
          topic,
          numPartitions,
          replicationFactor: this.#brokers.length,
          configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
        },
      ],
    });
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions ?? [];
  }

  /** Retention: the records before `before` are gone. */
  async deleteRecords(topic: string, partition: number, before: number): Promise<void> {
    const admin = this.client().admin();
    await admin.connect();
    await admin.fetchTopicMetadata({ topics: [topic] });
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
    await admin.disconnect();
  }

  /** As a machine that loses power. */
  async kill(broker = 0): Promise<void> {
    await this.#broker(broker).end('SIGKILL');
  }

  restart(broker = 0): void {
    this.#broker(broker).start();
  }

  async stop(): Promise<void> {
    await this.#oracle?.close();
    await Promise.all(this.#brokers.map((broker) => broker.end('SIGTERM')));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.on('error', reject);
          server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** As Kafka writes them. */
function uuid(): string {
  return randomBytes(16).toString('base64url');
}

function makeCertificate(folder: string): void {
  const key = join(folder, 'key.pem');
  const ca = join(folder, 'ca.pem');
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const how = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  const { status, stderr, error } = spawnSync('openssl', [...how, ...names, '-keyout', key, '-out', ca], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`openssl made no certificate: ${error?.message ?? stderr}`);
  writeFileSync(join(folder, 'tls.pem'), readFileSync(key, 'utf8') + readFileSync(ca, 'utf8'));
}

/** Writes the folder of a broker: what `format` would, and its properties. */
function configure(
  folder: string,
  brokers: readonly Broker[],
  index: number,
  clusterId: string,
  options: ClusterOptions,
): void {
  const { folder: own, ports } = brokers[index] as Broker;
  const data = join(own, 'data');
  mkdirSync(data, { recursive: true });
  const meta = { version: 1, 'cluster.id': clusterId, 'node.id': index + 1, 'directory.id': uuid() };
  writeFileSync(join(data, 'meta.properties'), properties(meta));
  const replicas = brokers.length;
  const plain = `PLAIN://127.0.0.1:${ports.plain}`;
  const advertised = `PLAIN://127.0.0.1:${options.proxy?.port ?? ports.plain}`;
  const secured = options.security === true ? `,SASL://127.0.0.1:${ports.sasl},TLS://localhost:${ports.tls}` : '';
  writeFileSync(
    join(own, 'server.properties'),
    properties({
      'process.roles': 'broker,controller',
      'node.id': index + 1,
      'controller.quorum.voters': brokers
        .map((broker, other) => `${other + 1}@127.0.0.1:${broker.ports.controller}`)
        .join(','),
      'controller.listener.names': 'CONTROLLER',
      listeners: `${plain}${secured},CONTROLLER://127.0.0.1:${ports.controller}`,
      'advertised.listeners': `${advertised}${secured}`,
      'listener.security.protocol.map': 'PLAIN:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SASL_SSL,CONTROLLER:PLAINTEXT',
      'inter.broker.listener.name': 'PLAIN',
      ...(options.security === true ? security(folder) : {}),
      'log.dirs': data,
      'num.partitions': 1,
      'auto.create.topics.enable': 'false',
      'offsets.topic.num.partitions': 1,
      'offsets.topic.replication.factor': replicas,
      'transaction.state.log.num.partitions': replicas,
      'transaction.state.log.replication.factor': replicas,
      'transaction.state.log.min.isr': Math.min(2, replicas),
      'share.coordinator.state.topic.num.partitions': 1,
      'share.coordinator.state.topic.replication.factor': replicas,
      'share.coordinator.state.topic.min.isr': 1,
      'min.insync.replicas': Math.min(2, replicas),
      'group.initial.rebalance.delay.ms': 0,
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': 200,
      'log.cleaner.dedupe.buffer.size': 2_097_152,
      'num.network.threads': 2,
      'num.io.threads': 4,
      'broker.heartbeat.interval.ms': 300,
      'broker.session.timeout.ms': 1_500,
      ...options.settings,
    }),
  );
}

function security(folder: string): Record<string, string> {
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${ALICE.username}="${ALICE.password}";`;
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  const jaas = ['sasl', 'tls'].flatMap((listener) => [
    [`listener.name.${listener}.plain.sasl.jaas.config`, plain],
    [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`, scram],
    [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`, scram],
  ]);
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    ...(Object.fromEntries(jaas) as Record<string, string>),
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': join(folder, 'tls.pem'),
  };
}

function properties(entries: Readonly<Record<string, string | number>>): string {
  return Object.entries(entries)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}
