/**
 * How transactional ids are named: `PREFIX-SUBTASK-NUMBER`. A writer uses and ends only ids of its own class: those whose
 * subtask, modulo the parallelism, is its own. So writers never meet each other's, at whatever parallelism the job runs
 * and ran, and an attempt that comes later meets, and fences, those of the attempts before it.
 *
 * Beside them each class has a lease, `PREFIX-SUBTASK-lease`: an id under which nothing is ever written. Whoever took it
 * last is the writer of the class; one that finds it taken has been replaced.
 */

/** The parts of a transactional id. */
export interface TransactionalName {
  readonly subtask: number;
  readonly number: number;
}

export function transactionalId(prefix: string, { subtask, number }: TransactionalName): string {
  return `${prefix}-${subtask}-${number}`;
}

/** The parts of an id; `undefined` for one that another prefix made. */
export function parseTransactionalId(prefix: string, id: string): TransactionalName | undefined {
  if (!id.startsWith(`${prefix}-`)) return undefined;
  const match = /^(\d+)-(\d+)$/.exec(id.slice(prefix.length + 1));
  return match === null ? undefined : { subtask: Number(match[1]), number: Number(match[2]) };
}

export function leaseId(prefix: string, subtask: number): string {
  return `${prefix}-${subtask}-lease`;
}

/** The subtask of a lease; `undefined` for an id that is none of this prefix. */
export function parseLeaseId(prefix: string, id: string): number | undefined {
  if (!id.startsWith(`${prefix}-`)) return undefined;
  const match = /^(\d+)-lease$/.exec(id.slice(prefix.length + 1));
  return match === null ? undefined : Number(match[1]);
}
