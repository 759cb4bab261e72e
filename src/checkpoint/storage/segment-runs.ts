/** Segments that are read together: stretches of state files, and what lies in them. */

import { crc32, zstdDecompressSync } from 'node:zlib';
import type { MillstreamError } from '../../base/error.ts';
import { isFileSegment, type FileSegment, type StateBytes } from '../../state/snapshot.ts';
import { corrupt } from './storage-failure.ts';

/** Segments that lie so close are read together, with what is between them. */
const GAP_BYTES_MAX = 64 * 1024;

/** A segment, and its place among all that are read. */
export interface Wanted {
  readonly segment: FileSegment;
  readonly index: number;
}

/** A stretch of one file. */
export interface Run {
  readonly file: string;
  readonly offset: number;
  end: number;
  readonly wanted: Wanted[];
}

/** What is read together goes up to `bytesMax`; a segment that is longer is read alone. */
export function runsOf(bytes: readonly StateBytes[], bytesMax: number): Run[] {
  const wanted: Wanted[] = [];
  for (const [index, part] of bytes.entries()) if (isFileSegment(part)) wanted.push({ segment: part, index });
  wanted.sort((a, b) => {
    if (a.segment.file !== b.segment.file) return a.segment.file < b.segment.file ? -1 : 1;
    return a.segment.offset - b.segment.offset;
  });
  const runs: Run[] = [];
  let last: Run | undefined;
  for (const one of wanted) {
    const { file, offset, length } = one.segment;
    const end = offset + length;
    if (last?.file === file && offset - last.end <= GAP_BYTES_MAX && end - last.offset <= bytesMax) {
      last.end = Math.max(last.end, end);
      last.wanted.push(one);
    } else {
      last = { file, offset, end, wanted: [one] };
      runs.push(last);
    }
  }
  return runs;
}

/** What is wrong with the bytes of a run, if anything is. */
export function flawOf(run: Run, bytes: Uint8Array): MillstreamError | undefined {
  for (const { segment } of run.wanted) {
    const stored = storedBytes(run, bytes, segment);
    if (stored.length < segment.length)
      return corrupt(
        run.file,
        segment.offset + stored.length,
        `it ends there, but ${segment.length} bytes were written from ${segment.offset} on`,
      );
    if (crc32(stored) !== segment.crc)
      return corrupt(run.file, segment.offset, `the checksum of the ${segment.length} bytes from there on is wrong`);
  }
  return undefined;
}

function storedBytes(run: Run, bytes: Uint8Array, { offset, length }: FileSegment): Uint8Array {
  const start = offset - run.offset;
  return bytes.subarray(start, start + length);
}

/** What was written as a segment, out of the bytes of its run, which have no flaw. */
export function unpacked(run: Run, bytes: Uint8Array, segment: FileSegment): Uint8Array {
  const stored = storedBytes(run, bytes, segment);
  const raw = plain(segment.codec === undefined ? stored : zstdDecompressSync(stored));
  if (segment.rawLength !== undefined && raw.length !== segment.rawLength)
    throw corrupt(run.file, segment.offset, `${raw.length} bytes were unpacked instead of ${segment.rawLength}`);
  return raw;
}

/** Stores and zlib may give Buffers, whose `slice` copies nothing. */
function plain({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}
