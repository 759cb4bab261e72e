/** Operators of one's own with more than two inputs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_TIMESTAMP } from '../../src/data/record-batch.ts';
import type { OperatorContext, OperatorDefinition, Timestamp } from '../../src/operator/operator.ts';
import { PlainOperator } from '../../src/operator/plain-operator.ts';
import { valueState, type StateHandle } from '../../src/state/descriptor.ts';
import { stateHandle } from '../../src/state/state-handle.ts';
import { environment, sorted, WAYS } from './environments.ts';

interface Row {
  readonly key: number;
}

const SEEN = valueState<string>('seen');
const INSERT = 0;

/** Notes per key what has come from which input. */
class ThreeInputs extends PlainOperator<string> {
  #seen!: StateHandle<typeof SEEN>;

  override open(context: OperatorContext<string>): void {
    super.open(context);
    this.#seen = stateHandle(context.keyedBackend(), SEEN);
  }

  element(row: Row): void {
    this.#note('a', row);
  }

  element2(row: Row): void {
    this.#note('b', row);
  }

  element3(row: Row): void {
    this.#note('c', row);
  }

  #note(letter: string, { key }: Row): void {
    this.context.keyedBackend().setCurrentKey(key);
    this.#seen.update((this.#seen.value() ?? '') + letter);
    this.output.emit(`${key} ${[...(this.#seen.value() ?? '')].toSorted().join('')}`, NO_TIMESTAMP, INSERT);
  }
}

const key = (row: Row): number => row.key;
const threeInputs: OperatorDefinition = {
  kind: 'three-inputs',
  input: 'records',
  output: 'records',
  keySelectors: [key, key, key],
  create: () => new ThreeInputs(),
};

for (const runtimeMode of ['streaming', 'batch'] as const) {
  for (const { name, options } of WAYS) {
    test(`three keyed inputs meet in one operator, in ${runtimeMode} mode with ${name}`, async () => {
      const env = environment({ ...options, settings: { ...options.settings, runtimeMode } });
      const rows = () =>
        env
          .fromSequence(0, 9)
          .map((n): Row => ({ key: n }))
          .keyBy(key);
      const noted = await rows().transform<string>('Three', threeInputs, rows(), rows()).executeAndCollect();
      assert.equal(noted.length, 30);
      const last = noted.filter((line) => line.length > '0 ab'.length);
      assert.deepEqual(
        sorted(last),
        Array.from({ length: 10 }, (_, n) => `${n} abc`),
      );
    });
  }
}

test('an input that the operator does not take is refused with the name of the method', async () => {
  class OneInput extends PlainOperator<number> {
    element(value: number, timestamp: Timestamp): void {
      this.output.emit(value, timestamp, INSERT);
    }
  }
  const one: OperatorDefinition = { kind: 'one', input: 'records', output: 'records', create: () => new OneInput() };
  const env = environment();
  await assert.rejects(env.fromData(1).transform('One', one, env.fromData(2)).executeAndCollect(), {
    code: 'GRAPH_INVALID',
    message: /"One" is given an input 2, but has no method `element2`/,
  });
});
