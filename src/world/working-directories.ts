/**
 * Names of temporary directories that say whose they are, so that those of a process that was killed can be removed by
 * the next one that works in the same place.
 *
 * A name holds the process id, when the process began, and a digest of what gives these their meaning: the boot of the
 * machine and the namespace of process ids. Only within the same boot and namespace is it known that a process is dead;
 * a directory of anybody else, on another machine or in another container, is left alone. The facts come from `/proc`,
 * so on other systems than Linux nothing is named so and nothing removed.
 */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const NAME = /^millstream-([0-9a-f]{12})-(\d+)-(\d+)-[A-Za-z0-9]{6}$/;

/** Where the time of the start stands in `/proc/PID/stat`, counted behind the name of the program. */
const START_FIELD = 19;

/** What names of this process' directories begin with. */
export function directoryPrefix(): string {
  const scope = scopeOfProcesses();
  const start = scope === undefined ? undefined : startOf(process.pid);
  return start === undefined ? 'millstream-' : `millstream-${scope}-${process.pid}-${start}-`;
}

/** Removes the directories in `parent` whose processes are dead. What cannot be removed stays. */
export function sweepDirectories(parent: string): void {
  const scope = scopeOfProcesses();
  if (scope === undefined) return;
  for (const name of namesIn(parent)) {
    const [, of, pid, start] = NAME.exec(name) ?? [];
    if (of !== scope || startOf(Number(pid)) === start) continue;
    try {
      rmSync(join(parent, name), { recursive: true, force: true });
    } catch {
      // It belongs to another user, perhaps.
    }
  }
}

function namesIn(parent: string): readonly string[] {
  try {
    return readdirSync(parent);
  } catch {
    // Making the directory will say what is wrong.
    return [];
  }
}

/** Tells the boots of machines, and namespaces of process ids, apart; undefined where that is not known. */
function scopeOfProcesses(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const namespace = readlinkSync('/proc/self/ns/pid');
    return createHash('sha256').update(`${boot} ${namespace}`).digest('hex').slice(0, 12);
  } catch {
    return undefined;
  }
}

/** When a process began, in ticks since the boot; undefined when there is none of that id. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[START_FIELD];
  } catch {
    return undefined;
  }
}
