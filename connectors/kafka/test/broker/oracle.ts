/**
 * An independent reader: Kafka's own consumer in a process of its own, for all questions of a test file.
 *
 * kafkajs, which writes for the tests, is no judge of what is committed: it takes the list of aborted transactions for
 * sorted by offset, which brokers do not promise, and shows aborted records when transactions overlap.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { KafkaMessage } from '@millstream/kafka';

export class Oracle {
  readonly #process: ChildProcess;
  #lines: string[] = [];
  #answered: PromiseWithResolvers<readonly string[]> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(jars: string) {
    const options = ['-Xmx96m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-XX:-UsePerfData'];
    const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';
    this.#process = spawn('java', ['-cp', `${join(jars, '*')}${delimiter}${jars}`, ...options, logging, 'Oracle'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#process.stdout as NodeJS.ReadableStream }).on('line', (line) => this.#hear(line));
    this.#process.on('exit', () => this.#answered?.reject(new Error('the oracle has ended')));
  }

  #hear(line: string): void {
    if (line === 'END') {
      this.#answered?.resolve(this.#lines);
      this.#lines = [];
    } else if (line.startsWith('FAILED ')) {
      this.#answered?.reject(new Error(`the oracle cannot read: ${line}`));
      this.#lines = [];
    } else this.#lines.push(line);
  }

  /** All records of a topic that are committed now. */
  read(brokers: string, topic: string): Promise<KafkaMessage[]> {
    const answer = this.#last.then(async () => {
      this.#answered = Promise.withResolvers();
      this.#process.stdin?.write(`${brokers} ${topic}\n`);
      return (await this.#answered.promise).map((line) => messageOf(topic, line));
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  async close(): Promise<void> {
    this.#answered = undefined;
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.stdin?.end();
    if (this.#process.exitCode === null) await exited;
  }
}

function messageOf(topic: string, line: string): KafkaMessage {
  const [partition = '', offset = '', timestamp = '', key = '', value = '', ...headers] = line.split(' ');
  return {
    topic,
    partition: Number(partition),
    offset: Number(offset),
    timestamp: Number(timestamp),
    timestampType: 'create-time',
    key: bytesOf(key),
    value: bytesOf(value),
    headers: headers.map((header) => {
      const at = header.indexOf('=');
      return { name: header.slice(0, at), value: bytesOf(header.slice(at + 1)) };
    }),
  };
}

function bytesOf(text: string): Buffer | null {
  return text === 'null' ? null : Buffer.from(text.slice(1), 'base64');
}
