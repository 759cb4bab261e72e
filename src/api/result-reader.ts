/** How a stream's results come back to the program that built it; the environment implements it. */

import type { StreamHandle } from './stream-handle.ts';

export interface ResultReader {
  /** Executes the job and gives the stream's elements as they come, with backpressure; leaving early cancels the job. */
  iterate<T>(stream: StreamHandle, jobName?: string): AsyncIterableIterator<T>;
}
