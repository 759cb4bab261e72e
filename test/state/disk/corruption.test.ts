import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillstreamError } from '../../../src/base/error.ts';
import { valueState } from '../../../src/state/descriptor.ts';
import { SegmentLog } from '../../../src/state/disk/segment-log.ts';
import { Collected, take } from './collected.ts';
import { diskHarness } from './disk-harness.ts';
import { MemoryFiles } from './memory-files.ts';

const KEYS = 30;

interface Stored {
  readonly name: string;
  readonly n: number;
}

/** A backend that has room for no row but the current one, with its files. */
function filled() {
  const files = new MemoryFiles();
  const { backend } = diskHarness({ files, bytes: 1, segmentBytes: 4096 });
  const state = backend.value(valueState<string>('s'));
  for (let key = 0; key < KEYS; key++) {
    backend.setCurrentKey(key);
    state.update(String(key).padStart(200));
  }
  // Text cannot be changed in place, so reading it does not write it anew.
  const read = (key: number): number | undefined => {
    backend.setCurrentKey(key);
    const text = state.value();
    return text === undefined ? undefined : Number(text);
  };
  return { files, backend, read };
}

function isCorruption(error: unknown): boolean {
  assert.ok(error instanceof MillstreamError, String(error));
  assert.equal(error.code, 'STATE_DISK_CORRUPT');
  assert.match(String(error.details['file']), /^\/directory-0\/segment-\d+$/);
  assert.equal(typeof error.details['offset'], 'number');
  assert.match(error.message, /at offset \d+/);
  return true;
}

test('a flipped bit anywhere in a segment is found, or changes nothing', () => {
  let found = 0;
  const { files, read, backend } = filled();
  const [segment] = [...files.files].filter(([path]) => path.includes('segment')).toSorted() as [
    [string, { bytes: Uint8Array; length: number }],
  ];
  const [, content] = segment;
  const good = content.bytes.slice();
  assert.ok(content.length > 2000);
  for (let at = 0; at < content.length; at++) {
    content.bytes[at] = (good[at] as number) ^ (1 << (at % 8));
    for (let key = 0; key < KEYS; key++) {
      try {
        assert.equal(read(key), key);
      } catch (error) {
        isCorruption(error);
        found++;
      }
    }
    content.bytes[at] = good[at] as number;
  }
  assert.ok(found > content.length / 2);
  backend.close();
});

test('a flipped bit is found by a view that reads the log', () => {
  const { files, backend } = filled();
  for (const [path, content] of files.files) {
    if (path.includes('segment')) content.bytes[40] = (content.bytes[40] as number) ^ 4;
  }
  const { view } = take(backend, 1, undefined);
  assert.throws(() => view.advance(() => true), isCorruption);
  backend.close();
});

test('a segment that has lost its end says so', () => {
  const { files, backend, read } = filled();
  for (const [path, content] of files.files)
    if (path.includes('segment')) content.length = Math.max(0, content.length - 100);
  let lost = 0;
  for (let key = 0; key < KEYS; key++) {
    try {
      assert.equal(read(key), key);
    } catch (error) {
      isCorruption(error);
      lost++;
    }
  }
  assert.ok(lost > 0);
  backend.close();
});

test('compaction finds damage in what it would move', () => {
  const files = new MemoryFiles();
  const log = new SegmentLog({ files, directory: '/directory-0', segmentBytes: 1024, tailBytes: 64 });
  const addresses: number[] = [];
  for (let i = 0; i < 40; i++) {
    const start = log.begin();
    log.tail.f64(i);
    addresses.push(log.finish(start, i, 1, 0, 0, 0));
  }
  const records = (): number => {
    const sealed = log.emptiest(1);
    assert.ok(sealed !== undefined);
    let count = 0;
    while (log.readNext(sealed) !== 0) count++;
    return count;
  };
  const whole = records();
  assert.ok(whole > 10);
  const [content] = files.files.values() as Iterable<{ bytes: Uint8Array; length: number }> as unknown as [
    { bytes: Uint8Array; length: number },
  ];
  const good = content.bytes.slice();
  for (let at = 32; at < content.length; at++) {
    content.bytes[at] = (good[at] as number) ^ (1 << (at % 8));
    assert.throws(records, isCorruption);
    content.bytes[at] = good[at] as number;
  }
});

test('a record that lies in the place of another is refused', () => {
  const { files, backend, read } = filled();
  for (const [path, content] of files.files) {
    if (!path.includes('segment')) continue;
    // All records but the first have one length here: the second takes the place of the third.
    const bytes = content.bytes.subarray(32);
    const length = Math.ceil((24 + Buffer.from(bytes.buffer, bytes.byteOffset).readUInt32LE(4)) / 16) * 16;
    bytes.copyWithin(2 * length, length, 2 * length);
  }
  const results = Array.from({ length: KEYS }, (_, key) => {
    try {
      return read(key) === key ? 'right' : 'wrong';
    } catch (error) {
      isCorruption(error);
      return 'refused';
    }
  });
  assert.ok(!results.includes('wrong'));
  assert.ok(results.includes('refused'));
  backend.close();
});

test('whatever write fails, what the last checkpoint holds is restored', () => {
  const whole = new MemoryFiles();
  work(whole);
  assert.ok(whole.operations > 20);
  for (let failAt = 0; failAt < whole.operations; failAt++) {
    const files = new MemoryFiles();
    files.failAt = failAt;
    const { collected, expected, failure } = work(files);
    assert.equal(failure?.code, 'STATE_DISK');
    assert.equal(failure.restart, true);
    const { backend } = diskHarness({ files: new MemoryFiles(), restored: collected.restored(0, 15) });
    const state = backend.value(valueState<Stored>('s'));
    assert.equal(backend.size, expected.size);
    for (const [key, n] of expected) {
      backend.setCurrentKey(key);
      assert.equal(state.value()?.n, n);
    }
    backend.close();
  }
});

/** Two hundred updates with a checkpoint every fifty; ends at the first failure. */
function work(files: MemoryFiles) {
  const model = new Map<number, number>();
  const collected = new Collected();
  let expected = new Map<number, number>();
  let failure: MillstreamError | undefined;
  try {
    const { backend } = diskHarness({ files, bytes: 1, segmentBytes: 4096 });
    const state = backend.value(valueState<Stored>('s'));
    for (let i = 0; i < 200; i++) {
      const key = (i * 7) % KEYS;
      backend.setCurrentKey(key);
      if (i % 11 === 5) {
        state.clear();
        model.delete(key);
      } else {
        state.update({ name: 'x'.repeat(150), n: i });
        model.set(key, i);
      }
      if (i % 50 !== 49) continue;
      const generation = (i + 1) / 50;
      const { view, delta } = take(backend, generation, generation === 1 ? undefined : generation - 1);
      view.advance(() => true);
      collected.apply(delta);
      expected = new Map(model);
      backend.completed(generation);
    }
    backend.close();
  } catch (error) {
    assert.ok(error instanceof MillstreamError, String(error));
    failure = error;
  }
  return { collected, expected, failure };
}

test('a log that has no addresses left says what to do', () => {
  const log = new SegmentLog({
    files: new MemoryFiles(),
    directory: '/directory-0',
    segmentBytes: 2 ** 36,
    tailBytes: 64,
  });
  const start = log.begin();
  assert.throws(() => log.finish(start, 1, 1, 0, 0, 0), { code: 'STATE_TOO_LARGE', message: /Raise the parallelism/ });
});
