/** The program of key-table-large.test.ts: `large-keys.ts integers|texts COUNT`. */
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { valueState } from '../../src/state/descriptor.ts';
import { KeyTable } from '../../src/state/key-table.ts';
import { ALL_GROUPS, harness } from './harness.ts';

const [kind, countText] = process.argv.slice(2);
const count = Number(countText);

function integers(): string {
  const { backend } = harness({ keyGroups: ALL_GROUPS });
  const state = backend.value(valueState<number>('n'));
  for (let key = 0; key < count; key++) {
    backend.setCurrentKey(key);
    state.update(key & 0xff);
  }
  const { size } = backend;
  let wrong = 0;
  for (let key = 0; key < count; key++) {
    backend.setCurrentKey(key);
    if (state.value() !== (key & 0xff)) wrong++;
    state.clear();
  }
  return `size ${size}, wrong ${wrong}, left ${backend.size}`;
}

function texts(): string {
  const table = new KeyTable(new TypeRegistry());
  for (let i = 0; i < count; i++) table.retain(table.add(`k${i}`));
  let wrong = 0;
  // Rows are given out in order; every seventh is looked at.
  for (let i = 0; i < count; i += 7) if (table.find(`k${i}`) !== i) wrong++;
  return `size ${table.size}, wrong ${wrong}`;
}

console.log(kind === 'integers' ? integers() : texts());
