/** The merged watermark of several channels, against the definition and in the corners that are easy to get wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_WATERMARK } from '../../src/data/element.ts';
import { watermarkMerge } from '../../src/time/watermark-merge.ts';

test('one channel is forwarded, and ignored while it is idle', () => {
  const merge = watermarkMerge(1);
  assert.equal(merge.observe(0, 5), 5);
  assert.equal(merge.observe(0, 5), undefined);
  assert.deepEqual(merge.status(0, true), { idle: true });
  assert.deepEqual(merge.status(0, true), {});
  assert.deepEqual(merge.status(0, false), { idle: false });
  assert.equal(merge.observe(0, 7), 7);
});

test('the slowest of several channels decides', () => {
  const merge = watermarkMerge(3);
  assert.equal(merge.observe(0, 10), undefined);
  assert.equal(merge.observe(1, 20), undefined);
  assert.equal(merge.observe(2, 5), 5);
  assert.equal(merge.observe(2, 30), 10);
  assert.equal(merge.observe(1, 40), undefined);
  assert.equal(merge.observe(0, MAX_WATERMARK), 30);
});

test('a channel that falls idle lets the others go on', () => {
  const merge = watermarkMerge(2);
  merge.observe(0, 10);
  assert.deepEqual(merge.status(1, true), { watermark: 10 });
  assert.equal(merge.observe(0, 20), 20);
});

test('when the last active channel falls idle, the highest watermark of all goes out before the status', () => {
  const merge = watermarkMerge(3);
  merge.observe(0, 10);
  merge.observe(1, 50);
  merge.observe(2, 20);
  assert.deepEqual(merge.status(1, true), {});
  assert.deepEqual(merge.status(0, true), { watermark: 20 });
  assert.deepEqual(merge.status(2, true), { watermark: 50, idle: true });
});

test('a channel that wakes up behind is not waited for until it has caught up', () => {
  const merge = watermarkMerge(2);
  merge.status(1, true);
  merge.observe(0, 100);
  assert.deepEqual(merge.status(1, false), {});
  assert.equal(merge.observe(1, 40), undefined);
  assert.equal(merge.observe(0, 110), 110);
  assert.equal(merge.observe(1, 110), undefined);
  assert.equal(merge.observe(0, 130), undefined, 'now it holds back again');
  assert.equal(merge.observe(1, 120), 120);
});

test('the first channel that wakes ends the idleness of all', () => {
  const merge = watermarkMerge(2);
  merge.status(0, true);
  assert.deepEqual(merge.status(1, true), { idle: true });
  assert.deepEqual(merge.status(0, false), { idle: false });
  assert.deepEqual(merge.status(1, false), {});
});

/** By the definition, from scratch at each step. */
class NaiveMerge {
  readonly #channels: { watermark: number; idle: boolean; aligned: boolean }[];
  merged = -Infinity;

  constructor(inputs: number) {
    this.#channels = Array.from({ length: inputs }, () => ({ watermark: -Infinity, idle: false, aligned: true }));
  }

  step(channel: number, event: number | boolean): void {
    const own = this.#channels[channel]!;
    if (typeof event === 'number') {
      if (!own.idle) own.watermark = Math.max(own.watermark, event);
    } else {
      own.idle = event;
      if (event) own.aligned = false;
    }
    if (!own.idle && own.watermark >= this.merged) own.aligned = true;
    const waitedFor = this.#channels.filter((c) => c.aligned);
    const candidates = this.#channels.every((c) => c.idle)
      ? [Math.max(...this.#channels.map((c) => c.watermark))]
      : waitedFor.map((c) => c.watermark);
    if (candidates.length > 0) this.merged = Math.max(this.merged, Math.min(...candidates));
  }

  get idle(): boolean {
    return this.#channels.every((c) => c.idle);
  }
}

test('a reader that resumes at a watermark goes on from there, whatever its channels have to make up for', () => {
  for (const channels of [1, 2]) {
    const merge = watermarkMerge(channels);
    merge.resume(20);
    for (let channel = 0; channel < channels; channel++) assert.equal(merge.observe(channel, 10), undefined);
    for (let channel = 1; channel < channels; channel++) assert.equal(merge.observe(channel, 30), undefined);
    assert.equal(merge.observe(0, 25), 25);
  }
});

test('any sequence of watermarks and statuses gives what the definition gives', () => {
  const event = fc.tuple(fc.nat({ max: 3 }), fc.oneof({ weight: 4, arbitrary: fc.nat({ max: 30 }) }, fc.boolean()));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(event, { maxLength: 60 }), (inputs, events) => {
      const merge = watermarkMerge(inputs);
      const naive = new NaiveMerge(inputs);
      let merged = -Infinity;
      let idle = false;
      for (const [anyChannel, what] of events) {
        const channel = anyChannel % inputs;
        // A single idle channel sends no watermark, and the naive form ignores it as the real one does.
        const change =
          typeof what === 'number' ? { watermark: merge.observe(channel, what) } : merge.status(channel, what);
        naive.step(channel, what);
        if (change.watermark !== undefined) {
          assert.ok(change.watermark > merged, 'the merged watermark only rises');
          merged = change.watermark;
        }
        if ('idle' in change && change.idle !== undefined) {
          assert.notEqual(change.idle, idle, 'a status is only announced when it changes');
          idle = change.idle;
        }
        assert.equal(merged, naive.merged);
        assert.equal(idle, naive.idle);
      }
    }),
    { numRuns: 2_000 },
  );
});
