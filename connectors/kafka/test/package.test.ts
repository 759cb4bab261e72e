/** The package as a user meets it: built, packed, and installed beside `millstream` into an empty project. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
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
import { emit } from '../../../scripts/build/emit.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const SCRATCH = mkdtempSync(join(tmpdir(), 'millstream-kafka-package-'));
const PROJECT = join(SCRATCH, 'project');

function run(program: string, args: readonly string[], cwd: string): { status: number | null; output: string } {
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

/** Builds and packs a package of the checkout; returns the tarball. */
function pack(folder: string, millstreamDeclarations?: string): { tarball: string; dist: string } {
  const stage = join(SCRATCH, 'stage', folder);
  const dist = join(stage, 'dist');
  mkdirSync(stage, { recursive: true });
  const options = { outDir: dist, folder };
  const failure = emit(ROOT, millstreamDeclarations === undefined ? options : { ...options, millstreamDeclarations });
  assert.equal(failure, undefined);
  for (const file of ['package.json', 'README.md']) copyFileSync(join(ROOT, folder, file), join(stage, file));
  npm(['pack', '--ignore-scripts', '--pack-destination', stage], stage);
  const [tarball] = globSync('*.tgz', { cwd: stage });
  assert.ok(tarball !== undefined, 'npm pack wrote no tarball');
  return { tarball: join(stage, tarball), dist };
}

before(() => {
  const millstream = pack('');
  const kafka = pack('connectors/kafka', millstream.dist);
  mkdirSync(PROJECT, { recursive: true });
  writeFileSync(join(PROJECT, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const flags = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'];
  npm(['install', ...flags, millstream.tarball, kafka.tarball], PROJECT);
});

after(() => rmSync(SCRATCH, { recursive: true, force: true }));

test('the package holds what it exports, and no sources or development dependencies', () => {
  const installed = join(PROJECT, 'node_modules/@millstream/kafka');
  const { bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { bin: Record<string, string> };
  for (const file of ['dist/index.js', 'dist/index.d.ts', ...Object.values(bin)]) {
    assert.ok(existsSync(join(installed, file)), file);
  }
  const foreign = globSync('**', { cwd: installed, exclude: ['node_modules'] }).filter(
    (file) => /^(?:src|test)\b/.test(file) || /(?<!\.d)\.ts$/.test(file),
  );
  assert.deepEqual(foreign, []);
  assert.ok(!existsSync(join(PROJECT, 'node_modules/kafkajs')));
});

test('a program of a user can be compiled strictly and run, and meets the same errors as the engine', () => {
  const program = `
    import { MillstreamError } from 'millstream';
    import { kafkaSink, kafkaSource, OffsetsInitializer } from '@millstream/kafka';
    const source = kafkaSource({ brokers: 'a', topics: ['t'], value: String, bounded: OffsetsInitializer.latest() });
    const sink = kafkaSink<string>({ brokers: 'a', topic: 't', value: (text) => text });
    try {
      kafkaSource({ brokers: '', topics: ['t'], value: String });
    } catch (error) {
      if (error instanceof MillstreamError) console.log(source.boundedness, sink.guarantee, error.code);
    }
  `;
  writeFileSync(join(PROJECT, 'program.ts'), program);
  const settings = {
    compilerOptions: {
      module: 'nodenext',
      target: 'esnext',
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    include: ['*.ts'],
  };
  writeFileSync(join(PROJECT, 'tsconfig.json'), JSON.stringify(settings));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const compiled = run(process.execPath, [tsc, '-p', PROJECT, '--pretty', 'false'], PROJECT);
  assert.equal(compiled.status, 0, compiled.output);
  const { status, output } = run(process.execPath, ['program.ts'], PROJECT);
  assert.equal(status, 0, output);
  assert.match(output, /^bounded at-least-once OPTION_INVALID$/m);
});

test('the janitor is a program of the package', () => {
  const janitor = join(PROJECT, 'node_modules/@millstream/kafka/dist/janitor-cli.js');
  const { status, output } = run(process.execPath, [janitor, '--help'], PROJECT);
  assert.equal(status, 0, output);
  assert.match(output, /^millstream-kafka-janitor list\|commit\|abort/);
});
