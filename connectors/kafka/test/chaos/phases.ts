/**
 * Phases of a checkpoint and of a recovery, told by the processes that are in them. They write lines into a pipe; who
 * kills reads it. A phase that was asked for is held for a moment by the first thread that comes to it, so that the
 * kill falls inside.
 */

import { spawnSync } from 'node:child_process';
import { constants, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * `align`: barriers are on their way. `upload`: a file of a checkpoint is written. `precommit`: a sink has prepared what
 * the checkpoint holds. `commit`: what was prepared is made visible. `restore`: a task opens from a checkpoint.
 */
export const PHASES = ['align', 'upload', 'precommit', 'commit', 'restore'] as const;
export type Phase = (typeof PHASES)[number];

/** How long a phase is held that was asked for. */
const HOLD_MS = 60;

/** The part of a thread that runs the job. */
export class PhaseProbe {
  readonly #directory: string;
  readonly #pipe: number | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    this.#pipe = openPipe(directory);
  }

  #say(line: string): void {
    if (this.#pipe === undefined) return;
    try {
      writeSync(this.#pipe, `${line}\n`);
    } catch {
      // Nobody reads any more, or not quickly enough.
    }
  }

  /** A phase has begun here; `hold` gives the kill its chance. */
  begin(phase: Phase): void {
    this.#say(`begin ${phase} ${process.pid}`);
  }

  end(phase: Phase): void {
    this.#say(`end ${phase} ${process.pid}`);
  }

  /** Records of the job are there for everybody to read. */
  committed(): void {
    this.#say(`committed commit ${process.pid}`);
  }

  /** A task has come as far as its first record. */
  opened(): void {
    this.#say(`opened restore ${process.pid}`);
  }

  #taken(phase: Phase): boolean {
    try {
      renameSync(`${this.#directory}/wanted-${phase}`, `${this.#directory}/taken-${phase}`);
    } catch {
      return false;
    }
    this.#say(`hold ${phase} ${process.pid}`);
    return true;
  }

  /** Stops this thread for a moment when the phase is wanted. */
  hold(phase: Phase): void {
    if (!this.#taken(phase)) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, HOLD_MS);
    this.#say(`go ${phase} ${process.pid}`);
  }
}

function openPipe(directory: string): number | undefined {
  try {
    return openSync(`${directory}/pipe`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    // Nobody listens: the job runs without being watched.
    return undefined;
  }
}

const probes = new Map<string, PhaseProbe>();

/** The probe of this thread. */
export function probeOf(directory: string): PhaseProbe {
  let probe = probes.get(directory);
  if (probe === undefined) probes.set(directory, (probe = new PhaseProbe(directory)));
  return probe;
}

/** The other end: what is going on where. */
export class PhaseWatch implements Disposable {
  readonly #directory: string;
  readonly #lines: Socket;
  /** Phases that are open now, by process. */
  readonly #open = new Map<number, Map<Phase, number>>();
  #held: { readonly phase: Phase; readonly pid: number } | undefined;
  #wanted: PromiseWithResolvers<number> | undefined;
  /** Commits to the topic of the output that have ended so far. */
  commits = 0;
  /** Tasks that have opened so far. */
  opened = 0;

  constructor(directory: string) {
    this.#directory = directory;
    const { status, stderr } = spawnSync('mkfifo', [`${directory}/pipe`], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`mkfifo made no pipe: ${stderr}`);
    // Open for both, so that it does not end while nobody writes.
    const fd = openSync(`${directory}/pipe`, constants.O_RDWR | constants.O_NONBLOCK);
    this.#lines = new Socket({ fd, readable: true, writable: false });
    createInterface({ input: this.#lines }).on('line', (line) => this.#hear(line));
  }

  #hear(line: string): void {
    const [what, phase, pid] = line.split(' ') as [string, Phase, string];
    const process = Number(pid);
    let open = this.#open.get(process);
    if (open === undefined) this.#open.set(process, (open = new Map()));
    const count = open.get(phase) ?? 0;
    if (what === 'begin') open.set(phase, count + 1);
    else if (what === 'opened') this.opened++;
    else if (what === 'committed') this.commits++;
    else if (what === 'end') {
      open.set(phase, Math.max(0, count - 1));
    } else if (what === 'hold') {
      this.#held = { phase, pid: process };
      this.#wanted?.resolve(process);
    } else if (what === 'go') this.#held = undefined;
  }

  /** The phases that some process is in. */
  get open(): readonly Phase[] {
    return PHASES.filter((phase) => [...this.#open.values()].some((own) => (own.get(phase) ?? 0) > 0));
  }

  /** The phase that is held right now, because it was wanted. */
  get held(): Phase | undefined {
    return this.#held?.phase;
  }

  /** What a process was in is over when it is dead. */
  dead(pid: number): void {
    this.#open.delete(pid);
    if (this.#held?.pid === pid) this.#held = undefined;
  }

  /** Resolves to the process that is in the phase and holds it; undefined when none came to it in time. */
  async next(phase: Phase, timeoutMs: number): Promise<number | undefined> {
    this.#wanted = Promise.withResolvers();
    writeFileSync(`${this.#directory}/wanted-${phase}`, '');
    const timer = setTimeout(() => this.#wanted?.resolve(0), timeoutMs);
    const pid = await this.#wanted.promise;
    clearTimeout(timer);
    this.#wanted = undefined;
    rmSync(`${this.#directory}/wanted-${phase}`, { force: true });
    return pid === 0 ? undefined : pid;
  }

  [Symbol.dispose](): void {
    this.#lines.destroy();
  }
}
