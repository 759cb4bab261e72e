/** Processes of the cluster as their supervisor sees them: each runs one entry module and ends with its supervisor. */

import { fork, type ChildProcess } from 'node:child_process';
import { flushCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process that was started here. Plain messages go both ways. */
export interface ProcessHandle {
  readonly pid: number;
  onMessage(listener: (message: unknown) => void): void;
  /** Once, however the process ended. */
  onExit(listener: (exit: ProcessExit) => void): void;
  /** Sends a signal to this process alone. */
  kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
}

/**
 * Where compiled modules are kept for the next process, unless the user says: who takes the place of a process that died
 * starts several times as fast. It is the directory that Node.js itself would choose.
 */
const COMPILED = join(tmpdir(), 'node-compile-cache');

/** Starts `entry` in a process of its own; `input` is what {@link supervised} gives it. */
export function spawnProcess(entry: URL, input: unknown): ProcessHandle {
  const child = fork(entry, [JSON.stringify(input)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { NODE_COMPILE_CACHE: COMPILED, ...process.env },
  });
  return new Child(child);
}

class Child implements ProcessHandle {
  readonly pid: number;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? -1;
    // A process that could not be started says so, and then exits.
    child.on('error', () => {});
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#child.on('message', listener);
  }

  onExit(listener: (exit: ProcessExit) => void): void {
    this.#child.once('exit', (code, signal) => listener({ code, signal }));
  }

  kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }
}

/** The same, seen from inside: what the supervisor gave, and a way to answer. Without its supervisor the process ends. */
export function supervised(): { readonly input: unknown; readonly post: (message: unknown) => void } {
  process.once('disconnect', () => process.exit(0));
  return {
    input: JSON.parse(process.argv[2] ?? 'null') as unknown,
    post: (message) => void process.send?.(message),
  };
}

/** Keeps what this thread has compiled, which Node.js would do when it ends: a process that is killed does not. */
export function keepCompiled(): void {
  flushCompileCache();
}
