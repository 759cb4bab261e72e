import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { test } from 'node:test';
import { parseScript } from '../../../src/sql.ts';
import { goldenFiles, outcome, readGolden } from './golden.ts';
import { assertPlaces, assertRoundTrip } from './tree.ts';

for (const path of goldenFiles()) {
  test(`the statements of ${basename(path)} become what stands behind them`, () => {
    for (const { sql, expected } of readGolden(path)) assert.equal(outcome(sql), expected);
  });

  test(`the statements of ${basename(path)} survive printing`, () => {
    for (const { sql } of readGolden(path)) {
      for (const entry of parseScript(sql)) if (entry.kind === 'statement') assertRoundTrip(entry.statement);
    }
  });

  test(`the statements of ${basename(path)} know their places`, () => {
    for (const { sql } of readGolden(path)) {
      for (const entry of parseScript(sql)) if (entry.kind === 'statement') assertPlaces(entry.statement, sql);
    }
  });
}
