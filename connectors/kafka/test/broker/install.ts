/**
 * Brings the broker's jars into a cache of the checkout, with Maven, when they are not there yet. Test files may ask at
 * the same time: one installs, the others wait.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = resolve(import.meta.dirname, '../../../..');
const POM = join(import.meta.dirname, 'pom.xml');

/** The reader of `oracle.ts`, compiled into the folder of the jars. */
const ORACLE = join(import.meta.dirname, 'Oracle.java');

/** How often those who wait look whether it is there. */
const POLL_MS = 250;

/** The folder of the jars. */
export async function brokerJars(): Promise<string> {
  const fingerprint = createHash('sha256')
    .update(readFileSync(POM))
    .update(readFileSync(ORACLE))
    .digest('hex')
    .slice(0, 12);
  const home = join(ROOT, '.tmp/servers', `kafka-${fingerprint}`);
  const jars = join(home, 'lib');
  const lock = `${home}.lock`;
  mkdirSync(join(ROOT, '.tmp/servers'), { recursive: true });
  while (!existsSync(jars)) {
    if (!take(lock)) {
      await sleep(POLL_MS);
      continue;
    }
    try {
      if (!existsSync(jars)) install(home, jars);
    } finally {
      rmSync(lock, { force: true });
    }
  }
  return jars;
}

function take(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    if (existsSync(lock) && !isAlive(Number(readFileSync(lock, 'utf8')))) rmSync(lock, { force: true });
    return false;
  }
}

function isAlive(pid: number): boolean {
  // Written a moment later than it was made.
  if (pid === 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function install(home: string, jars: string): void {
  mkdirSync(home, { recursive: true });
  copyFileSync(POM, join(home, 'pom.xml'));
  const unfinished = join(home, 'unfinished');
  rmSync(unfinished, { recursive: true, force: true });
  const goal = [
    '-B',
    '-q',
    'dependency:copy-dependencies',
    `-DoutputDirectory=${unfinished}`,
    '-DincludeScope=runtime',
  ];
  run('mvn', goal, home);
  run('javac', ['-cp', join(unfinished, '*'), '-d', unfinished, ORACLE], home);
  renameSync(unfinished, jars);
}

function run(program: string, args: readonly string[], cwd: string): void {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (error === undefined && status === 0) return;
  throw new Error(
    `The tests of the Kafka connector run against a real broker, and ${program} failed: ${error?.message ?? stdout + stderr}. They need a JDK from version 17 on, and Maven (mvn) with access to a repository.`,
  );
}
