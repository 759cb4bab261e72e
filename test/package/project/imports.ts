/** Imports every entry of the installed package and says how many names there are. Run by test/package/smoke.test.ts. */
import * as main from 'millstream';
import * as columns from 'millstream/columns';
import * as testing from 'millstream/testing';

const names = [main, columns, testing].map((entry) => Object.keys(entry));
if (names.some((list) => list.length === 0)) throw new Error('an entry of the package exports nothing');
console.log(`imported ${names.flat().length} names`);
