/**
 * The published package as a user meets it: built, packed, installed into an empty project, and used there by
 * TypeScript programs that know nothing of this checkout. The programs are in test/package/project.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { emit } from '../../scripts/build/emit.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SCRATCH = mkdtempSync(join(tmpdir(), 'millstream-package-'));
const STAGE = join(SCRATCH, 'stage');
const PROJECT = join(SCRATCH, 'project');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

function run(program: string, args: readonly string[], cwd: string): Outcome {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (error !== undefined) throw error;
  return { status, output: stdout + stderr };
}

/** npm by the Node.js of this run, wherever the machine keeps it. */
function npm(args: readonly string[], cwd: string): void {
  const cli = process.env['npm_execpath'];
  const { status, output } =
    cli !== undefined && /\.[cm]?js$/.test(cli) ? run(process.execPath, [cli, ...args], cwd) : run('npm', args, cwd);
  assert.equal(status, 0, `npm ${args.join(' ')} failed:\n${output}`);
}

/** Runs a program of the project as a user does: no flags, and above all not the condition that leads to src/. */
function runInProject(file: string): string {
  const { status, output } = run(process.execPath, [file], PROJECT);
  assert.equal(status, 0, output);
  return output;
}

before(() => {
  mkdirSync(STAGE, { recursive: true });
  assert.equal(emit(ROOT, { outDir: join(STAGE, 'dist') }), undefined);
  for (const file of ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE']) {
    if (existsSync(join(ROOT, file))) copyFileSync(join(ROOT, file), join(STAGE, file));
  }
  npm(['pack', '--ignore-scripts', '--pack-destination', SCRATCH], STAGE);
  const [tarball] = globSync('*.tgz', { cwd: SCRATCH });
  assert.ok(tarball !== undefined, 'npm pack wrote no tarball');

  cpSync(join(import.meta.dirname, 'project'), PROJECT, { recursive: true });
  writeFileSync(join(PROJECT, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  npm(['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', join(SCRATCH, tarball)], PROJECT);
});

after(() => rmSync(SCRATCH, { recursive: true, force: true }));

test('the package holds what it exports and nothing of the checkout', () => {
  const installed = join(PROJECT, 'node_modules/millstream');
  const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    exports: Record<string, string | Record<string, string>>;
  };
  for (const target of Object.values(exports)) {
    if (typeof target === 'string') continue;
    for (const condition of ['types', 'default'])
      assert.ok(existsSync(join(installed, target[condition] ?? '')), target[condition]);
  }
  const files = globSync('**', { cwd: installed, exclude: ['node_modules'] });
  const foreign = files.filter(
    (file) => /^(?:src|test|scripts|tools|bench|examples|docs)\b/.test(file) || /(?<!\.d)\.ts$/.test(file),
  );
  assert.deepEqual(foreign, []);
});

test('nothing in the package names a TypeScript file or a development dependency', () => {
  const installed = join(PROJECT, 'node_modules/millstream');
  for (const file of globSync('dist/**/*.{js,d.ts}', { cwd: installed })) {
    // Doc comments may show how a user names a module of theirs.
    const text = readFileSync(join(installed, file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
    assert.doesNotMatch(text, /(?:from |import\(|new URL\()['"]\.[^'"]*(?<!\.d)\.ts['"]/, file);
  }
  assert.ok(!existsSync(join(PROJECT, 'node_modules/typescript')));
});

test('every entry can be imported', () => {
  assert.match(runInProject('imports.ts'), /^imported \d+ names/m);
});

// Each is a program on its own that ends with the line "ok".
for (const program of globSync('run-*.ts', { cwd: join(import.meta.dirname, 'project') })) {
  test(`${program} runs on the installed package`, () => {
    assert.match(runInProject(program), /^ok$/m);
  });
}

test('the declarations hold under a strict compiler that checks libraries too', () => {
  const settings = {
    compilerOptions: {
      module: 'nodenext',
      target: 'esnext',
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      allowImportingTsExtensions: true,
      erasableSyntaxOnly: true,
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    include: ['*.ts'],
  };
  writeFileSync(join(PROJECT, 'tsconfig.json'), JSON.stringify(settings));
  const { status, output } = run(process.execPath, [TSC, '-p', PROJECT, '--pretty', 'false'], PROJECT);
  assert.equal(status, 0, output);
});
