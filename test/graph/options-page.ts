/** The table of `docs/guide/options.md`, made from the table that the engine uses. */

import { FLINK_OPTIONS } from '../../src/graph/flink-options.ts';

export function optionsTable(): string {
  const rows = Object.entries(FLINK_OPTIONS).map(
    ([key, { setting, type, meaning }]) => `| \`${key}\` | ${code(setting)} | ${type} | ${meaning} |`,
  );
  return ['| Flink key | Setting | Value | Meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/** A setting is code; "the name given to …" is prose with code in it. */
function code(setting: string): string {
  return /^[\w.]+$/.test(setting) ? `\`${setting}\`` : setting;
}
