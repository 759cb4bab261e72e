/** Every example is simulated from 200 seeds on every change; the examples are split over files, which run side by side. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SIMULATED_EXAMPLES } from './list.ts';
import { simulateExample } from './run-example.ts';

const SEEDS = 200;

/** Tests every `of`th example, from the `first` on. */
export function testExamples(first: number, of: number): void {
  for (const [index, name] of Object.keys(SIMULATED_EXAMPLES).entries()) {
    if (index % of !== first) continue;
    test(`the example ${name} gives the same result from ${SEEDS} seeds, whatever goes wrong`, async () => {
      const { lines, compared } = await simulateExample(name, { seeds: SEEDS });
      const { prints } = SIMULATED_EXAMPLES[name] ?? {};
      if (prints === undefined) assert.ok(compared > 0, 'there are results to compare');
      else assert.match(lines.join('\n'), prints);
    });
  }
}
