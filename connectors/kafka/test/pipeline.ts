/**
 * A small job by hand: a source, a sink, and checkpoints over both. It fails and goes on from the last complete
 * checkpoint, as the engine would, until the source has been read to its end.
 */
import {
  runSink,
  runSource,
  type SinkRun,
  type SinkSnapshot,
  type SourceRun,
  type SourceSnapshot,
} from 'millstream/testing';
import type { Sink, Source } from 'millstream';

/** What the job is, and where the test meddles with it. */
export interface PipelineOptions {
  readonly source: () => Source<string>;
  readonly sink: () => Sink<string>;
  readonly parallelism?: number;
  readonly recordsPerCheckpoint: number;
  /** Called while the job runs: `moment` counts from 0. */
  readonly meddle: (moment: number, phase: Phase) => Promise<void> | void;
}

/** Where a test may meddle. */
export type Phase = 'reading' | 'writing' | 'prepared' | 'committed';

interface Checkpoint {
  readonly source: SourceSnapshot;
  readonly sink: SinkSnapshot;
}

/** A failure that the test wants. */
export class Crash extends Error {}

/** Returns how often the job was restarted. */
export async function runPipeline(options: PipelineOptions): Promise<number> {
  const { parallelism = 1 } = options;
  let last: Checkpoint | undefined;
  let moment = 0;
  for (let restarts = 0; ; restarts++) {
    let source: SourceRun<string> | undefined;
    let sink: SinkRun<string> | undefined;
    try {
      sink = await runSink(options.sink(), { parallelism, ...(last === undefined ? {} : { restore: last.sink }) });
      source = runSource(options.source(), { parallelism, ...(last === undefined ? {} : { restore: last.source }) });
      for (;;) {
        await options.meddle(moment++, 'reading');
        const records = await source.take(options.recordsPerCheckpoint);
        for (const { value, subtask } of records) await sink.write(value, { subtask });
        await options.meddle(moment++, 'writing');
        const checkpoint = { source: source.snapshot(), sink: await sink.checkpoint() };
        // From here on it counts, whether or not the commit succeeds.
        last = checkpoint;
        await options.meddle(moment++, 'prepared');
        await commit(sink, checkpoint.sink);
        await options.meddle(moment++, 'committed');
        if (source.finished) return restarts;
      }
    } catch (error) {
      if (restarts > 20) throw error;
    } finally {
      await source?.close();
      await sink?.close();
    }
  }
}

/** As the engine does: what asks for patience is tried again. */
async function commit(sink: SinkRun<string>, snapshot: SinkSnapshot): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { failed, retried } = await sink.commit(snapshot);
    const [failure] = failed;
    if (failure !== undefined) throw failure;
    if (retried === 0) return;
    if (tries > 20) throw new Error('the commit does not succeed');
  }
}
