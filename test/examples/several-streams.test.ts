import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prints, printsInAnyOrder, runExample } from './run-example.ts';

test('control-stream applies each change of a limit from its time on', () =>
  printsInAnyOrder(
    'control-stream.ts',
    `
    2 s: press at 85 °C, above 80
    3 s: oven at 210 °C, above 200
    6 s: oven at 260 °C, above 200`,
  ));

test('async-enrichment keeps the order or not, tries again, and gives up in time', () =>
  prints(
    'async-enrichment.ts',
    `
    ordered> order 1 from ada in London
    ordered> order 2 from bob in Paris
    ordered> order 3 from cyd in Rome
    ordered> order 4 from dan: no answer
    unordered> order 2 from bob in Paris
    unordered> order 3 from cyd in Rome
    unordered> order 1 from ada in London
    unordered> order 4 from dan: no answer
    bob's city took 2 calls`,
  ));

test('window-joins pairs what shares a tumbling, sliding or session window', async () => {
  assert.deepEqual(await runExample('window-joins.ts'), [
    'tumbling, ten minutes',
    '  ada: clocks → lamp',
    '  ada: lamps → lamp',
    'sliding, ten minutes every five',
    '  ada: clocks → clock',
    '  ada: clocks → lamp',
    '  ada: lamps → lamp',
    '  ada: lamps → lamp',
    'sessions with a gap of four minutes',
    '  ada: clocks → clock',
    '  ada: lamps → lamp',
  ]);
});

test('co-group shows both sides of each key, also where one is empty', () =>
  prints(
    'co-group.ts',
    `
    chair: 10 counted, 0 booked
    desk: 0 counted, 2 booked
    lamp: 7 counted, 8 booked
    lamp: 9 counted, 9 booked`,
  ));

test('interval-join pairs what is at most two minutes apart', () =>
  prints(
    'interval-join.ts',
    `
    What is a watermark? A claim about time. (after 60 s)
    What is a watermark? It says how far time has come. (after 120 s)
    Where does state live? Beside the operator. (after 30 s)`,
  ));

test('connected-join lets either side wait for the other, and reports what stays alone', () =>
  printsInAnyOrder(
    'connected-join.ts',
    `
    paid: desk with 90
    paid: lamp with 20
    not paid: chair
    paid for nothing: 15 for order 7`,
  ));
