/** A script that prints the first result of a small job. */

import { createEnvironment } from 'millstream';

const env = createEnvironment();
for await (const value of env
  .fromData(6, 7)
  .map((factor) => factor * 7)
  .filter((product) => product === 42)) {
  console.log(value);
}
