/** The codecs of record batches, by the names that users write and by the bits that stand in a batch. */

import { compressionsAlgorithms } from '@platformatic/kafka';
import { KafkaFailure } from './client.ts';

/** How batches are compressed. `zstd` and `lz4` cost the least for what they save. */
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** By their number in a batch. */
const CODECS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

export function codecNumber(compression: Compression): number {
  return CODECS.indexOf(compression);
}

export function isCompression(name: string): name is Compression {
  return (CODECS as readonly string[]).includes(name);
}

export function compress(compression: Compression, bytes: Buffer): Buffer {
  return compressionsAlgorithms[compression].compressSync(bytes);
}

export function decompress(codec: number, bytes: Buffer): Buffer {
  const name = CODECS[codec];
  if (name === undefined) throw new KafkaFailure('unsupported', `a batch is compressed by codec ${codec}`);
  return compressionsAlgorithms[name].decompressSync(bytes);
}
