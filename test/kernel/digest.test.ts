import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { type DigestAlgorithm, hexDigest } from '../../src/base/digest.ts';

test('digests are those of the platform, for bytes of every length around a block', () => {
  const algorithms: readonly DigestAlgorithm[] = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'];
  fc.assert(
    fc.property(fc.constantFrom(...algorithms), fc.uint8Array({ maxLength: 300 }), (algorithm, bytes) => {
      assert.equal(hexDigest(algorithm, bytes), createHash(algorithm).update(bytes).digest('hex'));
    }),
    { numRuns: 300 },
  );
});
