/** The one file that knows all stream classes; see `stream-factory.ts` for why. */

import { DataStream } from './data-stream.ts';
import { KeyedStream } from './keyed-stream.ts';
import { SingleOutputStream } from './single-output-stream.ts';
import type { StreamFactory } from './stream-factory.ts';

export const STREAMS: StreamFactory = Object.freeze<StreamFactory>({
  single: (scope, node) => new SingleOutputStream(scope, node),
  stream: (handle) => new DataStream(handle),
  keyed: (handle, selector) => new KeyedStream(handle, selector),
});
