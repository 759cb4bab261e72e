import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  job,
  listState,
  mapState,
  valueState,
  type DataStream,
  type SettingsPart,
  type StreamEnvironment,
} from 'millstream';
import { createSavepoint, readSavepoint, savepointReport } from 'millstream/savepoints';
import type { AnyStateDescriptor } from '../../../src/state/descriptor.ts';
import { course, HALF, inScratch, SALES, type Sale } from './stateful-job.ts';

const GOLDEN = join(import.meta.dirname, 'golden');
const FORMATS = ['canonical', 'native'] as const;

/** Golden savepoints, moved to where they were not written. */
async function withGolden(
  version: string,
  body: (pathOf: (format: (typeof FORMATS)[number]) => string) => Promise<void>,
): Promise<void> {
  await inScratch(async (directory) => {
    cpSync(join(GOLDEN, version), directory, { recursive: true });
    await body((format) => join(directory, format));
  });
}

for (const version of readdirSync(GOLDEN)) {
  for (const format of FORMATS) {
    test(`jobs go on from ${format} savepoints of ${version}`, async () => {
      await withGolden(version, async (pathOf) => {
        const { lines } = await course(SALES.slice(HALF), { launch: { fromSavepoint: pathOf(format) } });
        const expected = JSON.parse(readFileSync(join(GOLDEN, version, `${format}.json`), 'utf8')) as string[];
        assert.deepEqual(lines.toSorted(), expected);
      });
    });
  }
}

interface Totals1 {
  readonly sum: number;
  readonly exact: bigint;
}
interface Totals2 {
  readonly cents: number;
}
interface Totals3 {
  readonly cents: number;
  readonly sales: number;
}

/** The state of the golden savepoints, two versions later. */
const totals3 = valueState<Totals3>('totals', {
  version: 3,
  migrate: {
    1: ({ sum, exact }: Totals1) => ({ cents: sum * 100, sales: Number(exact / 2n ** 40n) }),
    2: ({ cents, sales }: Totals2 & { readonly sales: number }) => ({ cents, sales }),
  },
});

function buildWith(state: Readonly<Record<string, AnyStateDescriptor>>) {
  return (env: StreamEnvironment, sales: DataStream<Sale>): void => {
    env.setMaxParallelism(64);
    sales
      .keyBy(({ shop }) => shop)
      .process<string, { totals: typeof totals3 }>({
        state: state as { totals: typeof totals3 },
        *processElement({ shop, amount }, ctx) {
          const before = ctx.state.totals.value();
          if (before === undefined) return;
          const next = { cents: before.cents + amount * 100, sales: before.sales + 1 };
          ctx.state.totals.update(next);
          yield `${shop} [[${next.cents} ${next.sales}`;
        },
      })
      .uid('states')
      .collect('lines');
  };
}

const BACKENDS: readonly SettingsPart[] = [{ stateBackend: 'memory' }, { stateBackend: 'disk' }];

for (const format of FORMATS) {
  for (const settings of BACKENDS) {
    test(`values of version 1 in a ${format} savepoint are migrated, each when it is touched, state on ${settings.stateBackend}`, async () => {
      await withGolden('v1', async (pathOf) => {
        const rest = SALES.slice(HALF);
        const launch = { fromSavepoint: pathOf(format), allowNonRestoredState: true };
        const { lines } = await course(rest, { settings, build: buildWith({ totals: totals3 }), launch });
        const last = new Map(lines.map((line) => line.split(' [[') as [string, string]));
        for (const [shop, own] of Map.groupBy(SALES, (sale) => sale.shop)) {
          const sum = own.reduce((all, { amount }) => all + amount * 100, 0);
          assert.equal(last.get(shop), `${sum} ${own.length}`);
        }
      });
    });
  }
}

test('state of several versions at once goes through a savepoint', async () => {
  await inScratch(async (directory) => {
    await withGolden('v1', async (pathOf) => {
      const build = buildWith({ totals: totals3 });
      const launch = { fromSavepoint: pathOf('canonical'), allowNonRestoredState: true };
      const [first] = SALES.slice(HALF);
      const { path } = await course([first as Sale], { build, launch, stop: { directory } });
      await using savepoint = await readSavepoint(path);
      const { versions } = savepoint.operator('states').states.find(({ name }) => name === 'totals') ?? {};
      assert.deepEqual(versions, [1, 3]);
      const values = await Array.fromAsync(savepoint.operator('states').keyed<string, typeof totals3>(totals3));
      assert.equal(values.length, 7);
      for (const { key, value } of values) {
        const own = SALES.slice(0, HALF + 1).filter(({ shop }) => shop === key);
        assert.deepEqual(value, { cents: own.reduce((all, { amount }) => all + amount * 100, 0), sales: own.length });
      }
    });
  });
});

test('an old value without a migration is refused with what is stored and what is declared', async () => {
  await withGolden('v1', async (pathOf) => {
    const launch = { fromSavepoint: pathOf('canonical'), allowNonRestoredState: true };
    const refused = async (state: AnyStateDescriptor): Promise<Error> => {
      const started = course(SALES.slice(HALF), { build: buildWith({ totals: state }), launch });
      return await started.then(
        () => assert.fail('it has started'),
        (error: Error) => error,
      );
    };
    const { message } = await refused(valueState('totals', { version: 2 }));
    assert.match(message, /there is no migration from version 1 to 2/);
    assert.match(message, /stored +value version 1: string → \{ sum: number, exact: bigint, last: Date, note\?: /);
    assert.match(message, /declared +value version 2/);
    assert.match((await refused(listState('totals'))).message, /stored as value state and declared as list state/);
    assert.match((await refused(mapState('totals'))).message, /declared +map version 1/);
  });
});

test('a report says before the start what becomes of every state', async () => {
  await withGolden('v1', async (pathOf) => {
    const fresh = valueState<string>('unheard-of');
    const program = job('next', (env) => {
      buildWith({ totals: totals3, amounts: listState('amounts'), fresh })(
        env,
        env.fromData<Sale>().uid('sales') as DataStream<Sale>,
      );
    });
    const { states, lines, changed } = await savepointReport(program, pathOf('canonical'));
    const fates = new Map(states.map(({ operator, state, fate }) => [`${operator}/${state}`, fate]));
    assert.equal(fates.get('states/totals'), 'migrated');
    assert.equal(fates.get('states/amounts'), 'kept');
    assert.equal(fates.get('states/most'), 'kept');
    assert.equal(fates.get('states/unheard-of'), 'new');
    assert.equal(fates.get('sums/accumulator'), 'dropped');
    assert.equal(
      changed.every(({ fate }) => fate === 'migrated' || fate === 'dropped'),
      true,
    );
    const [migrated] = lines.filter((line) => line.startsWith('migrated'));
    assert.match(
      migrated ?? '',
      /^migrated: states \(KeyedProcess\), "totals", 7 entries, \d+ bytes; stored value version 1: .*; declared value version 3$/,
    );
    const { states: native } = await savepointReport(program, pathOf('native'));
    const inShort = (all: typeof states): string[] =>
      all.map(({ operator, state, fate }) => `${operator}/${state} ${fate}`).toSorted();
    assert.deepEqual(inShort(native), inShort(states));
    assert.equal(states.find(({ state }) => state === 'shared')?.opaque, 7);
  });
});

test('state that no operator takes is refused by name, or dropped when that is allowed', async () => {
  await inScratch(async (directory) => {
    const path = await createSavepoint({ maxParallelism: 64 })
      .keyed('gone', { totals: valueState<number>('totals') }, [{ key: 'a', state: { totals: 1 } }])
      .write(join(directory, 'old'));
    const build = buildWith({ totals: totals3 });
    await assert.rejects(course([], { build, launch: { fromSavepoint: path } }), {
      code: 'STATE_INCOMPATIBLE',
      message: /operators that job "sales" does not have: gone/,
    });
    await course([], { build, launch: { fromSavepoint: path, allowNonRestoredState: true } });
  });
});
