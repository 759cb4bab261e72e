/** Functions as they are given: checked, told apart, copied for each subtask. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkFunction, instantiate, isAsyncFunction, isClass, isLambda } from '../../src/operator/user-function.ts';
import { valueState } from '../../src/state/descriptor.ts';

test('lambdas, classes and objects are told apart', () => {
  class Named {}
  function old(): void {}
  assert.deepEqual(
    [isClass(Named), isClass(class {}), isClass(old), isClass(() => 1), isClass({})],
    [true, true, false, false, false],
  );
  assert.deepEqual(
    [isLambda(() => 1), isLambda(old), isLambda(Named as never), isLambda({} as never)],
    [true, true, false, false],
  );
  assert.deepEqual([async () => 1, async function* () {}, () => 1, function* () {}].map(isAsyncFunction), [
    true,
    true,
    false,
    false,
  ]);
});

test('a copy has data of its own and shares functions and instances', () => {
  class Connection {}
  const connection = new Connection();
  const descriptor = valueState<number>('count');
  const lambda = (): number => 1;
  const pattern = {
    list: [1, { deep: 2 }],
    map: new Map([['a', [1]]]),
    bytes: new Uint8Array([1, 2]),
    when: new Date(5),
    state: { count: descriptor },
    connection,
    lambda,
    plain: 'text',
    get computed() {
      return this.plain.length;
    },
    method() {
      return this.list;
    },
  };
  const copy = instantiate(pattern);
  assert.notEqual(copy, pattern);
  for (const name of ['list', 'map', 'bytes', 'when'] as const) {
    assert.deepEqual(copy[name], pattern[name]);
    assert.notEqual(copy[name], pattern[name], name);
  }
  assert.equal(copy.connection, connection);
  assert.equal(copy.lambda, lambda);
  assert.equal(copy.state.count, descriptor);
  assert.equal(copy.method(), copy.list);
  copy.plain = 'longer text';
  assert.deepEqual([copy.computed, pattern.computed], [11, 4]);
});

test('a copy of a frozen object can keep fields, and keeps its class', () => {
  class Function {
    count = 0;
    next(): number {
      return ++this.count;
    }
  }
  const pattern = Object.freeze(new Function());
  const [a, b] = [instantiate(pattern), instantiate(pattern)];
  assert.deepEqual([a.next(), a.next(), b.next()], [1, 2, 1]);
  assert.ok(a instanceof Function);
});

test('a class is made anew for each instance', () => {
  class Counter {
    #count = 0;
    next(): number {
      return ++this.#count;
    }
  }
  const [a, b] = [instantiate<Counter>(Counter), instantiate<Counter>(Counter)];
  assert.deepEqual([a.next(), a.next(), b.next()], [1, 2, 1]);
});

test('private fields are found in classes and those they extend, and not in text that looks like them', () => {
  class Base {
    #secret = 1;
    map(): number {
      return this.#secret;
    }
  }
  class Derived extends Base {}
  class Innocent {
    readonly color = '#ff0000';
    map(): string {
      return `#${this.color}`;
    }
  }
  const check = (f: object) => () => checkFunction(f, 'Map', ['map'], true);
  assert.throws(check(new Base()), /Base/);
  assert.throws(check(new Derived()), /Base/);
  check(new Innocent())();
  check(Base)();
});
