/**
 * The first step of every npm script, on a small checkout of its own with an npm that only pretends: it installs
 * when it must, once, and hands over arguments, exit code and signals.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '../..');
const SCRATCH = mkdtempSync(join(tmpdir(), 'millstream-bootstrap-'));
after(() => rmSync(SCRATCH, { recursive: true, force: true }));

/** Writes what npm would, takes its time, and notes each call in installs.log. */
const FAKE_NPM = `
const { appendFileSync, copyFileSync, existsSync, mkdirSync, writeFileSync } = require('node:fs');
appendFileSync('installs.log', process.argv.slice(2).join(' ') + '\\n');
if (existsSync('npm-fails')) process.exit(7);
setTimeout(() => {
  mkdirSync('node_modules/left', { recursive: true });
  copyFileSync('package-lock.json', 'node_modules/.package-lock.json');
}, 300);
`;

class Checkout {
  readonly root: string = mkdtempSync(join(SCRATCH, 'checkout-'));

  constructor() {
    mkdirSync(join(this.root, 'scripts'));
    copyFileSync(join(ROOT, 'scripts/bootstrap.mjs'), join(this.root, 'scripts/bootstrap.mjs'));
    writeFileSync(join(this.root, 'npm.cjs'), FAKE_NPM);
    this.lock('1.0.0');
  }

  lock(version: string): void {
    const packages = { '': { name: 'x' }, 'node_modules/left': { version, integrity: `sha512-${version}` } };
    writeFileSync(join(this.root, 'package-lock.json'), JSON.stringify({ lockfileVersion: 3, packages }));
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.root, path), text);
  }

  installs(): number {
    const log = join(this.root, 'installs.log');
    return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0;
  }

  start(...args: string[]): {
    readonly output: () => string;
    readonly code: Promise<number | null>;
    kill(signal: NodeJS.Signals): void;
  } {
    const child = spawn(process.execPath, [join(this.root, 'scripts/bootstrap.mjs'), ...args], {
      cwd: this.root,
      env: { ...process.env, npm_execpath: join(this.root, 'npm.cjs') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    const collect = (part: string): void => {
      text += part;
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    const code = new Promise<number | null>((done) => child.on('close', done));
    return { output: () => text, code, kill: (signal) => void child.kill(signal) };
  }
}

test('a bare clone is installed once, says so, and then runs at once', async () => {
  const checkout = new Checkout();
  checkout.write('hello.mjs', 'console.log("hello", ...process.argv.slice(2));');
  const first = checkout.start('node', 'hello.mjs', 'a b', '--flag');
  assert.equal(await first.code, 0);
  assert.match(first.output(), /Installing the packages.*node_modules is missing[\s\S]*hello a b --flag/);

  const second = checkout.start('node', 'hello.mjs');
  assert.equal(await second.code, 0);
  assert.equal(second.output(), 'hello\n');
  assert.equal(checkout.installs(), 1);
});

test('a changed lock file is installed anew, and one that plain npm has installed is not', async () => {
  const checkout = new Checkout();
  checkout.write('hello.mjs', '');
  await checkout.start('node', 'hello.mjs').code;
  checkout.lock('2.0.0');
  const stale = checkout.start('node', 'hello.mjs');
  await stale.code;
  assert.match(stale.output(), /does not match package-lock\.json/);
  assert.equal(checkout.installs(), 2);

  checkout.lock('3.0.0');
  copyFileSync(join(checkout.root, 'package-lock.json'), join(checkout.root, 'node_modules/.package-lock.json'));
  await checkout.start('node', 'hello.mjs').code;
  assert.equal(checkout.installs(), 2);
});

test('starts at the same time install once', async () => {
  const checkout = new Checkout();
  checkout.write('hello.mjs', 'console.log("hello");');
  const starts = [1, 2, 3].map(() => checkout.start('node', 'hello.mjs'));
  assert.deepEqual(await Promise.all(starts.map(({ code }) => code)), [0, 0, 0]);
  for (const { output } of starts) assert.match(output(), /hello/);
  assert.equal(checkout.installs(), 1);
});

test('the lock of a start that was killed is taken over', async () => {
  const checkout = new Checkout();
  checkout.write('hello.mjs', '');
  const dead = spawn(process.execPath, ['-e', '0']);
  await new Promise((done) => dead.on('close', done));
  mkdirSync(join(checkout.root, '.tmp'));
  checkout.write('.tmp/install.lock', String(dead.pid));
  assert.equal(await checkout.start('node', 'hello.mjs').code, 0);
  assert.equal(checkout.installs(), 1);
});

test('an install that fails says what to look at, and the next start tries again', async () => {
  const checkout = new Checkout();
  checkout.write('hello.mjs', '');
  checkout.write('npm-fails', '');
  const failing = checkout.start('node', 'hello.mjs');
  assert.equal(await failing.code, 1);
  assert.match(failing.output(), /npm ci failed \(exit code 7\).*registry/);
  rmSync(join(checkout.root, 'npm-fails'));
  assert.equal(await checkout.start('node', 'hello.mjs').code, 0);
});

test('the exit code of the program is handed back', async () => {
  const checkout = new Checkout();
  checkout.write('exit.mjs', 'process.exitCode = 42;');
  assert.equal(await checkout.start('node', 'exit.mjs').code, 42);
});

test('a signal reaches the program, which decides how to end', async () => {
  const checkout = new Checkout();
  checkout.write(
    'wait.mjs',
    `
    process.on('SIGTERM', () => { console.log('stopping'); process.exit(3); });
    setInterval(() => {}, 1000);
    console.log('ready');
  `,
  );
  const waiting = checkout.start('node', 'wait.mjs');
  while (!waiting.output().includes('ready')) await new Promise((done) => setTimeout(done, 20));
  waiting.kill('SIGTERM');
  assert.equal(await waiting.code, 3);
  assert.match(waiting.output(), /stopping/);
});

test('a script whose program is missing says which', async () => {
  const checkout = new Checkout();
  const started = checkout.start('start');
  assert.equal(await started.code, 1);
  assert.match(started.output(), /npm start runs examples\/flights\/main\.ts, which this checkout does not have/);
});

test('sources are found under the name of the package', async () => {
  const checkout = new Checkout();
  checkout.write('package.json', JSON.stringify({ name: 'x', exports: { 'millstream-source': './source.mjs' } }));
  checkout.write('source.mjs', 'export const here = "the source";');
  checkout.write('use.mjs', 'import { here } from "x"; console.log(here);');
  const started = checkout.start('node', 'use.mjs');
  await started.code;
  assert.match(started.output(), /the source/);
});
