/** Job modules: programs that every worker loads, and that build the same graph in each. */

import type { JobProgram } from '../graph/launch.ts';
import { MillstreamError } from '../base/error.ts';
import { isAsyncFunction } from '../operator/user-function.ts';
import { DataStream } from './data-stream.ts';
import { StreamEnvironment } from './environment.ts';

/** The uid of the sink that collects the stream which a job's program returns. */
const JOB_RESULT = 'result';

/** Describes the job with `env`. A returned stream is collected: `client.collected('result')` reads it. */
export type JobDescription = (
  env: StreamEnvironment,
  parameters: Readonly<Record<string, unknown>>,
) => void | { collect(uid: string): unknown };

/**
 * Makes a job of a program. The program is called in every worker and must describe the same job there: it may depend on
 * `parameters`, but not on time, randomness or the process. Streams, sockets and files are opened by the sources, where
 * they are read.
 *
 * @example
 * ```ts
 * export default job('word count', (env, parameters) => {
 *   env
 *     .readTextFile(String(parameters.path))
 *     .flatMap((line) => line.split(' '))
 *     .map((word) => ({ word, count: 1 }))
 *     .keyBy((pair) => pair.word)
 *     .sum('count')
 *     .print();
 * });
 * ```
 */
export function job(name: string, describe: JobDescription): JobProgram {
  if (isAsyncFunction(describe)) {
    throw new MillstreamError(
      'JOB_MODULE_INVALID',
      `The program of the job "${name}" is async. Describe the job synchronously; what must be awaited belongs into sources and functions, or into the parameters.`,
    );
  }
  return Object.freeze<JobProgram>({
    kind: 'millstream-job',
    name,
    build(parameters, settings) {
      const env = new StreamEnvironment(undefined, { jobName: name, parameters, overrides: settings });
      const result: unknown = describe(env, parameters);
      if (result instanceof Promise) {
        throw new MillstreamError(
          'JOB_MODULE_INVALID',
          `The program of the job "${name}" returned a promise. Describe the job synchronously.`,
        );
      }
      if (result instanceof DataStream) result.collect(JOB_RESULT);
      return env.buildGraph();
    },
  });
}
