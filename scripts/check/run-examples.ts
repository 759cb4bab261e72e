/**
 * Runs examples one after the other in this process: `run-examples.ts FOLDER FILE…`. Prints a line for each that
 * fails; what the examples print themselves is dropped. What they write to relative paths lands in the working
 * directory, which is a scratch folder. Started by scripts/check/examples.ts.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Far above what an example should take; one that does not end is to be marked `no-run`. */
const EXAMPLE_TIMEOUT_MS = 20_000;

const [folder = '', ...files] = process.argv.slice(2);
const print = process.stdout.write.bind(process.stdout);
process.stdout.write = () => true;

let failCurrent: (error: unknown) => void = () => {};
process.on('uncaughtException', (error) => failCurrent(error));
process.on('unhandledRejection', (error) => failCurrent(error));

for (const file of files) {
  let timer: NodeJS.Timeout | undefined;
  const failure = new Promise<never>((_, fail) => {
    failCurrent = fail;
    timer = setTimeout(() => fail(new Error(`did not end within ${EXAMPLE_TIMEOUT_MS / 1000} s`)), EXAMPLE_TIMEOUT_MS);
  });
  try {
    await Promise.race([import(pathToFileURL(join(folder, file)).href), failure]);
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    print(`${file}: ${text.split('\n', 1).join('')}\n`);
  } finally {
    clearTimeout(timer);
  }
}
process.exit(0);
