/** Bringing a stored value to the version that a descriptor declares, one step per version. */

import { MillstreamError } from '../base/error.ts';
import type { Migrations } from './descriptor.ts';

/** What a migration must know of a descriptor. */
export interface VersionedState {
  readonly name: string;
  readonly version: number;
  readonly migrate: Migrations<unknown>;
}

/** A cell as it was stored by an older version of its state; migrated when it is first touched. */
export class Stale<C> {
  readonly version: number;
  readonly cell: C;

  constructor(version: number, cell: C) {
    this.version = version;
    this.cell = cell;
  }
}

/** @throws STATE_INCOMPATIBLE when no chain of migrations leads from the stored version to the declared one. */
export function checkMigrations(state: VersionedState, stored: number): void {
  const both = `The state "${state.name}" is stored in version ${stored} and declared in version ${state.version}`;
  if (stored > state.version) {
    throw new MillstreamError(
      'STATE_INCOMPATIBLE',
      `${both}: it was written by a newer program. Restore with that program, or declare the state in version ${stored} or above.`,
      { details: { state: state.name, stored, declared: state.version } },
    );
  }
  for (let version = stored; version < state.version; version++) {
    if (state.migrate[version] === undefined) {
      throw new MillstreamError(
        'STATE_INCOMPATIBLE',
        `${both}, and there is no migration from version ${version} to ${version + 1}. Add \`migrate: { ${version}: (stored) => … }\` to the descriptor.`,
        { details: { state: state.name, stored, declared: state.version } },
      );
    }
  }
}

/** A value of version `stored` in the declared version. The steps have been checked. */
export function migrated(state: VersionedState, stored: number, value: unknown): unknown {
  let current = value;
  for (let version = stored; version < state.version; version++) {
    const step = state.migrate[version] as (value: unknown) => unknown;
    try {
      current = step(current);
    } catch (error) {
      throw new MillstreamError(
        'USER_CODE',
        `The migration of the state "${state.name}" from version ${version} to ${version + 1} threw.`,
        { cause: error, details: { state: state.name, stored, declared: state.version } },
      );
    }
  }
  return current;
}
