/**
 * `npm run mutate [-- MODULE … --only FILE:FROM-TO --jobs N]`: changes the sources of the modules on which exactly-once
 * stands, one small change at a time, and runs their tests on each. Prints what survived.
 * docs/internals/mutation.md says what to make of it.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Stryker } from '@stryker-mutator/core';

type LogLevel = NonNullable<ConstructorParameters<typeof Stryker>[0]['logLevel']>;

/** Files that are changed, and the tests that should notice, the quickest first. */
interface Module {
  readonly files: readonly string[];
  readonly tests: readonly string[];
}

const MODULES: Readonly<Record<string, Module>> = {
  coordinator: {
    files: ['src/checkpoint/coordinator.ts'],
    tests: ['test/protocol/traces.test.ts', 'test/checkpoint/coordinator.test.ts'],
  },
  alignment: {
    files: ['src/exchange/alignment.ts', 'src/runtime/task-barriers.ts'],
    tests: [
      'test/exchange/alignment.test.ts',
      'test/runtime/barriers-after-end.test.ts',
      'test/exchange/cuts.test.ts',
      'test/e2e/unaligned.test.ts',
    ],
  },
  committer: {
    files: ['src/operator/async-commits.ts', 'src/operator/async-global-commits.ts'],
    tests: [
      'test/operator/commit-order.test.ts',
      'test/operator/global-commit-order.test.ts',
      'test/operator/commits.test.ts',
      'test/operator/async-global-commits.test.ts',
    ],
  },
  timers: {
    files: ['src/state/timer-queue.ts', 'src/state/timer-service.ts', 'src/state/timer-bursts.ts'],
    tests: ['test/state/timers.test.ts', 'test/operator/timer-metric.test.ts', 'test/state/views.test.ts'],
  },
};

/** Beyond what the tests take by themselves: a loop that does not end. */
const TIMEOUT_MS = 30_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, jobs: { type: 'string', default: String(availableParallelism()) } },
});

const names = positionals.length === 0 ? Object.keys(MODULES) : positionals;
for (const name of names) {
  const chosen = MODULES[name];
  if (chosen === undefined) {
    console.error(`There is no module "${name}". Known: ${Object.keys(MODULES).join(', ')}.`);
    process.exit(1);
  }
  await mutate(name, chosen);
}

async function mutate(name: string, { files, tests }: Module): Promise<void> {
  const run = ['node', '--conditions=millstream-source', '--test-reporter=./scripts/first-failure.ts'];
  const command = tests.map((test) => [...run, test].join(' ')).join(' && ');
  const stryker = new Stryker({
    // A file, or some lines of it.
    mutate: values.only === undefined ? [...files] : [values.only],
    // What a message says is for tests of messages.
    mutator: { plugins: [], excludedMutations: ['StringLiteral'] },
    testRunner: 'command',
    commandRunner: { command },
    timeoutMS: TIMEOUT_MS,
    concurrency: Number(values.jobs),
    plugins: [],
    reporters: ['progress-append-only'],
    logLevel: 'error' as LogLevel,
    // It would read it through an interface that TypeScript 7 does not have.
    tsconfigFile: 'none',
    tempDirName: '.tmp/mutate',
    ignorePatterns: ['/.tmp', '/bench', '/connectors', '/docs', '/dist'],
  });
  const results = await stryker.runMutationTest();
  const of = (...states: readonly string[]): typeof results => results.filter(({ status }) => states.includes(status));
  const killed = of('Killed', 'Timeout').length;
  const survivors = of('Survived', 'NoCoverage');
  console.log(`${name}: ${killed + survivors.length} mutants, ${killed} killed, ${survivors.length} survived`);
  for (const { fileName, location, mutatorName, replacement } of survivors) {
    const { line, column } = location.start;
    const text = (replacement ?? '').replaceAll(/\s+/g, ' ');
    console.log(`  ${fileName.slice(fileName.indexOf('src/'))}:${line}:${column} ${mutatorName} -> ${text}`);
  }
}
