import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { prints, printsInAnyOrder, runExample } from './run-example.ts';

test('word-count counts words from a socket as they come', () =>
  prints(
    'word-count.ts',
    `
    to 1
    be 1
    or 1
    not 1
    to 2
    be 2
    that 1
    is 1
    the 1
    question 1
    whether 1
    it 1
    is 2
    nobler 1
    in 1
    the 2
    mind 1
    to 3
    suffer 1`,
  ));

test('word-count reads from the port that it is given', async () => {
  const server = createServer((socket) => socket.end('never say never\n'));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  try {
    const { port } = server.address() as AddressInfo;
    assert.deepEqual(await runExample('word-count.ts', '--port', String(port)), ['never 1', 'say 1', 'never 2']);
  } finally {
    server.close();
  }
});

test('sensor-temperatures averages degrees Celsius per sensor and five seconds', () =>
  printsInAnyOrder(
    'sensor-temperatures.ts',
    `
    12:00:00  sensor_0  16.32 °C  of 19 readings
    12:00:00  sensor_1  21.91 °C  of 19 readings
    12:00:00  sensor_2  27.40 °C  of 17 readings
    12:00:05  sensor_0  17.76 °C  of 16 readings
    12:00:05  sensor_1  23.35 °C  of 16 readings
    12:00:05  sensor_2  28.87 °C  of 18 readings
    12:00:10  sensor_0  19.04 °C  of 15 readings
    12:00:10  sensor_1  24.61 °C  of 15 readings
    12:00:10  sensor_2  30.18 °C  of 15 readings`,
  ));

test('hashtags gives one answer in event time, however fast it is replayed', () =>
  prints(
    'hashtags.ts',
    `
    09:00 #streaming 2
    09:00 #typescript 2
    09:00 #watermarks 1
    09:05 #streaming 1
    09:05 #watermarks 1
    event time: the replays agree
    processing time: the replays differ`,
  ));

test('web-sessions puts page views together that are less than half an hour apart', () =>
  printsInAnyOrder(
    'web-sessions.ts',
    `
    bob  08:03 to 08:03  /
    bob  09:02 to 09:02  /jobs
    ada  08:00 to 09:10  / → /products → /cart → /products/42 → /checkout
    ada  11:00 to 11:00  /orders`,
  ));

test('fraud-detection suspects a card for a minute', () =>
  prints(
    'fraud-detection.ts',
    `
    ALARM: 750 from card A
    card B is above suspicion again at 70 s`,
  ));

test('auctions announces winners when time has passed the end', () =>
  prints(
    'auctions.ts',
    `
    10.5 min: the clock goes to ada for 20, the best of 3
    11 min: the lamp goes to bob for 5, the best of 1`,
  ));
