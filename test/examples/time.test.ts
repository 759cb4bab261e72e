import { test } from 'node:test';
import { prints, printsInAnyOrder } from './run-example.ts';

test('early-results shows a sum before, at and after the end of its window, and what was dropped', () =>
  prints(
    'early-results.ts',
    `
    hour 0, version 1: 60 so far
    hour 0, version 2: 100 in total
    hour 0, version 3: 150 in total
    hour 1, version 1: 1 in total
    hour 2, version 1: 2 in total
    dropped, late: { minute: 40, amount: 60 }`,
  ));

test('custom-window cuts time into the months of the calendar', () =>
  printsInAnyOrder(
    'custom-window.ts',
    `
    2024-01, 31 days: rent 900
    2024-02, 29 days: food 90
    2024-02, 29 days: rent 900
    2024-03, 31 days: food 60`,
  ));

test('side-outputs keeps apart what was rejected and what was late', () =>
  printsInAnyOrder(
    'side-outputs.ts',
    `
    rejected> "four;21"
    rejected> ""
    highest> 22
    late> { second: 2, value: 99 }
    highest> 27`,
  ));

test('state-ttl forgets an alert after a while', () =>
  prints(
    'state-ttl.ts',
    `
    ALERT: disk full
    (disk full again, 2 times)
    ALERT: fan broken
    (disk full again, 3 times)
    ALERT: disk full
    ALERT: fan broken
    (fan broken again, 2 times)`,
  ));
