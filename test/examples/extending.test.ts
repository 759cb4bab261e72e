import { test } from 'node:test';
import { prints, printsInAnyOrder } from './run-example.ts';

test('own-operator shortens runs of equal values', () =>
  prints(
    'own-operator.ts',
    `
    2 × sun
    3 × rain
    1 × sun
    2 × snow`,
  ));

test('own-source reads listings page by page', () =>
  printsInAnyOrder(
    'own-source.ts',
    `
    Hello Ada
    Hello Bob
    Hello Cyd
    Hello Dan
    Hello London
    Hello Paris
    Hello Rome`,
  ));

test('own-sink writes each row once, though the job fails on its way', () =>
  prints('own-sink.ts', '200 rows, 200 different ones, after 1 restart'));

test('savepoints continues on two threads where it stopped on one', () =>
  prints(
    'savepoints/main.ts',
    `
    stopped on 1 thread, before the end: true
    continued on 2 threads: { blog: 1000, docs: 1000, home: 1000 }`,
  ));

test('open-savepoint reads the state of a job by Apache Arrow alone, and goes on from it after an edit', () =>
  prints(
    'open-savepoint/main.ts',
    `
    baskets: basket, value
    key_group Int32, version Int32, key Utf8, value Struct<{items:Int32, last:Timestamp<MILLISECOND, UTC>}>
    Ann → {"items":3,"last":3000}
    Bob → {"items":1,"last":1000}
    Cem → {"items":1,"last":1000}
    orders: splits, list-split
    subtask Int32, item Struct<{id:Utf8, next:Int32, step:Int32, end:Int32}>
    Ann has 7
    Bob has 3
    Ann has 8
    Cem has 3
    Ann has 9
    Bob has 4`,
  ));
