/** Processes of the cluster as their supervisor sees them: each runs one entry module and ends with its supervisor. */

import { fork, type ChildProcess } from 'node:child_process';

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

/** Starts `entry` in a process of its own; `input` is what {@link supervised} gives it. */
export function spawnProcess(entry: URL, input: unknown): ProcessHandle {
  const child = fork(entry, [JSON.stringify(input)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
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
