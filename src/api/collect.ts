/** The collecting sink as a node: how records get back to the program that executes the job. */

import { collectSink } from '../operator/collect-sink.ts';
import type { NodeDraft } from './graph-builder.ts';
import type { StreamHandle } from './stream-handle.ts';

export function attachCollectSink(stream: StreamHandle, uid: string): NodeDraft {
  return stream.attach({
    name: `Collect ${uid}`,
    uid,
    definition: ({ checkpoint }) => collectSink({ withCheckpoints: checkpoint.intervalMs !== undefined }),
    sink: true,
  });
}
