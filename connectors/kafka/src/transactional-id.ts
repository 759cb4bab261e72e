/**
 * How transactional ids are named: `PREFIX-SUBTASK-NUMBER`. A writer uses and ends only ids of its own class: those whose
 * subtask, modulo the parallelism, is its own. So writers never meet each other's, at whatever parallelism the job runs
 * and ran, and an attempt that comes later meets, and fences, those of the attempts before it.
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
