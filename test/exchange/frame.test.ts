import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillstreamError } from '../../src/base/error.ts';
import type { ControlElement } from '../../src/data/element.ts';
import {
  checkFrameHeader,
  CONTROL_BYTES_MAX,
  controlKind,
  decodeControl,
  encodeControl,
  FLAG_MORE,
  FRAME_HEADER_BYTES,
  FRAME_VERSION,
  frameBytes,
  FrameKind,
  frameKindAt,
  hasMoreAt,
  payloadBytesAt,
  writeFrameHeader,
} from '../../src/exchange/frame.ts';

const corrupt = (error: unknown): boolean => error instanceof MillstreamError && error.code === 'FRAME_CORRUPT';

const PLAIN = { noNullPrototype: true };

const anyControl: fc.Arbitrary<ControlElement> = fc.oneof(
  fc.record({ kind: fc.constant('watermark' as const), timestamp: fc.double({ noNaN: true }) }, PLAIN),
  fc.record({ kind: fc.constant('status' as const), idle: fc.boolean() }, PLAIN),
  fc.record(
    {
      kind: fc.constant('barrier' as const),
      checkpoint: fc.maxSafeNat(),
      triggeredAt: fc.double({ noNaN: true }),
      type: fc.constantFrom('checkpoint' as const, 'savepoint' as const),
      epoch: fc.maxSafeNat(),
    },
    PLAIN,
  ),
  fc.record({ kind: fc.constant('end' as const), drained: fc.boolean() }, PLAIN),
);

test('a header gives back what was written to it', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 0x3fff_ffff }),
      fc.nat({ max: 255 }),
      fc.boolean(),
      fc.nat({ max: 64 }),
      (length, kind, more, at) => {
        const bytes = new Uint8Array(at + FRAME_HEADER_BYTES).fill(0xff);
        writeFrameHeader(bytes, at, kind, more ? FLAG_MORE : 0, length);
        checkFrameHeader(bytes, at, FRAME_HEADER_BYTES + length);
        assert.equal(payloadBytesAt(bytes, at), length);
        assert.equal(frameKindAt(bytes, at), kind);
        assert.equal(hasMoreAt(bytes, at), more);
      },
    ),
  );
});

test('the bytes of a header are the ones in the documentation', () => {
  const bytes = new Uint8Array(8);
  writeFrameHeader(bytes, 0, FrameKind.BARRIER, FLAG_MORE, 0x0102_0304);
  assert.deepEqual([...bytes], [4, 3, 2, 1, 18, 1, 1, 0]);
});

test('frames are padded to a multiple of eight bytes', () => {
  assert.deepEqual([0, 1, 8, 9].map(frameBytes), [8, 16, 16, 24]);
});

test('control elements survive their bytes', () => {
  fc.assert(
    fc.property(anyControl, fc.nat({ max: 9 }), (element, place) => {
      const target = {
        bytes: new Uint8Array(8 * place + CONTROL_BYTES_MAX),
        offset: 8 * place,
        capacity: CONTROL_BYTES_MAX,
      };
      const length = encodeControl(element, target);
      assert.ok(length <= CONTROL_BYTES_MAX);
      assert.deepEqual(decodeControl(controlKind(element), target.bytes, target.offset, length), element);
    }),
  );
});

test('a control element may grow at its end', () => {
  const bytes = new Uint8Array(64);
  const length = encodeControl({ kind: 'watermark', timestamp: 5 }, { bytes, offset: 0, capacity: 64 });
  assert.deepEqual(decodeControl(FrameKind.WATERMARK, bytes, 0, length + 16), { kind: 'watermark', timestamp: 5 });
});

test('a control element that is too short, of an unknown kind or of an unknown barrier type is corrupt', () => {
  assert.throws(() => decodeControl(FrameKind.WATERMARK, new Uint8Array(8), 0, 7), corrupt);
  assert.throws(() => decodeControl(99, new Uint8Array(8), 0, 8), corrupt);
  const bytes = new Uint8Array(64);
  const length = encodeControl(
    { kind: 'barrier', checkpoint: 1, triggeredAt: 2, type: 'savepoint', epoch: 3 },
    { bytes, offset: 0, capacity: 64 },
  );
  bytes[length - 1] = 77;
  assert.throws(() => decodeControl(FrameKind.BARRIER, bytes, 0, length), corrupt);
});

test('a header of another version, with unknown flags, cut off or longer than its frame is corrupt', () => {
  const fresh = (): Uint8Array => {
    const bytes = new Uint8Array(32);
    writeFrameHeader(bytes, 0, FrameKind.RECORDS, 0, 24);
    return bytes;
  };
  checkFrameHeader(fresh(), 0, 32);
  assert.throws(() => checkFrameHeader(fresh(), 0, 31), corrupt);
  assert.throws(() => checkFrameHeader(fresh(), 0, 7), corrupt);
  const versioned = fresh();
  versioned[5] = FRAME_VERSION + 1;
  assert.throws(() => checkFrameHeader(versioned, 0, 32), corrupt);
  const flagged = fresh();
  flagged[6] = 2;
  assert.throws(() => checkFrameHeader(flagged, 0, 32), corrupt);
});
