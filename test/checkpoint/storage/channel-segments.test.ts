import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesOf } from '../../../src/checkpoint/storage/file-references.ts';
import { decodeMetadata, encodeMetadata } from '../../../src/checkpoint/storage/metadata.ts';
import { content } from './contents.ts';

test('the state of channels may lie in files, which metadata names as it names those of operators', () => {
  const directory = 'file:///checkpoints/job/chk-1';
  const segment = (file: string) => ({ file, offset: 0, length: 4, crc: 7 });
  const state = (bytes: unknown) => ({ edge: 'a > b/0', sender: 0, receiver: 1, end: 'receiver', bytes });
  const given = {
    ...content(1, 1, [segment(`${directory}/own`)]),
    channels: [state(segment('file:///checkpoints/job/shared/one')), state(new Uint8Array([1, 2]))],
  };
  const read = decodeMetadata(encodeMetadata(given, directory, 'x'), directory);
  assert.deepEqual(read.channels, given.channels);
  assert.deepEqual(
    [...filesOf([read.operators, read.channels])].sort(),
    [`${directory}/own`, 'file:///checkpoints/job/shared/one'].sort(),
  );
});
