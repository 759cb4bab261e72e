/**
 * What the examples are given as `millstream` when they are simulated: the same, but an environment that executes its
 * job simulates it, from many seeds, and then answers with what came out of the run without faults. What is printed is
 * collected instead, because what stands on a screen cannot be taken back.
 */

import { DataStream } from '../../../src/api/data-stream.ts';
import { StreamEnvironment, type EnvironmentOptions } from '../../../src/api/environment.ts';
import type { JobClient, JobMetrics, JobProgram, LaunchOptions } from '../../../src/graph/launch.ts';
import type { SettingsPart } from '../../../src/graph/settings.ts';
import { simulate } from '../../../src/testing/simulate.ts';
import type { SimulatedRun } from '../../../src/testing/simulation/simulated-run.ts';
import { simulation } from './simulation-of-example.ts';

export * from '../../../src/index.ts';

let printed = 0;
DataStream.prototype.print = function (this: DataStream<unknown>) {
  return this.collect(`printed-${printed++}`);
};

export function createEnvironment(options: EnvironmentOptions = {}): StreamEnvironment {
  const env: StreamEnvironment = new StreamEnvironment(
    { launch: (graph, launchOptions) => simulated(env, graph.jobName, launchOptions) },
    options,
  );
  return env;
}

async function simulated(env: StreamEnvironment, jobName: string, options: LaunchOptions): Promise<JobClient> {
  const program: JobProgram = {
    kind: 'millstream-job',
    name: jobName,
    build: (_parameters, settings) => {
      env.set(kept(settings));
      return env.buildGraph(jobName);
    },
  };
  const { seeds, faults, prepare, check, mayRestart } = simulation;
  let whole: SimulatedRun | undefined;
  await simulate(program, {
    seeds,
    replay: (seed) => `npm run simulate -- --job ${simulation.name} --seed ${seed} --trace`,
    parameters: options.parameters ?? {},
    ...(faults === undefined ? {} : { faults }),
    ...(simulation.trace === undefined ? {} : { trace: simulation.trace }),
    prepare: (disk, world) => prepare(disk, world),
    onUndisturbed: (run) => {
      whole = run;
      simulation.onUndisturbed(run);
    },
    ...(check === undefined ? {} : { check }),
  });
  return clientOf(whole as SimulatedRun);

  /** An example runs as widely as it says: with several subtasks its lines would come in another order. */
  function kept({ parallelism: _width, restart, ...settings }: SettingsPart): SettingsPart {
    if (mayRestart && restart?.kind === 'none')
      return { ...settings, restart: { kind: 'fixed-delay', attempts: 1, delayMs: 10 } };
    return restart === undefined ? settings : { ...settings, restart };
  }
}

const NO_METRICS: JobMetrics = {
  progress: { waitingFor: undefined, lastCheckpoint: undefined, lastCheckpointFailure: undefined },
  operators: [],
  slots: [],
  dropped: [],
};

function clientOf({ result, collected }: SimulatedRun): JobClient {
  const over = (): Promise<never> => Promise.reject(new Error('the job is over'));
  return {
    jobId: result.jobId,
    jobName: result.jobName,
    status: () => Promise.resolve('finished'),
    cancel: () => Promise.resolve(),
    stopWithSavepoint: over,
    triggerSavepoint: over,
    triggerCheckpoint: over,
    result: () => Promise.resolve(result),
    metrics: () => Promise.resolve(NO_METRICS),
    exceptions: () => Promise.resolve([]),
    async *collected<T>(id: string) {
      yield* (collected.get(id) ?? []) as readonly T[];
    },
  };
}
