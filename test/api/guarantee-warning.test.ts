import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callbackSink } from '../../src/connect/callback-sink.ts';
import { createEnvironment } from '../../src/create-environment.ts';

test('a job that keeps less than its checkpoints promise says so once, before it reads anything', async (t) => {
  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string | Uint8Array) => {
    said.push(String(text));
    return true;
  });
  const env = createEnvironment({ settings: { checkpoint: { intervalMs: 10_000 } } });
  let warnings = 0;
  env
    .fromAsyncIterable(
      async function* () {
        warnings = said.filter((text) => text.includes('cannot be read again')).length;
        yield 1;
      },
      { boundedness: 'bounded' },
    )
    .sinkTo(callbackSink(() => {}));
  await env.execute('once');
  assert.equal(warnings, 1);
  assert.equal(said.filter((text) => text.includes('Job "once"')).length, 1);
});
