/**
 * Emits the published form of src/: JavaScript and declarations that name `.js` files.
 *
 * tsc rewrites the suffix in imports of JavaScript. It leaves two places to us: imports in declarations, and the
 * entries of worker threads, which the sources write as `new URL('./slot-worker.ts', import.meta.url)`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';

export interface EmitOptions {
  /** Emptied first. */
  readonly outDir: string;
  readonly declarationsOnly?: boolean;
  /** Relative to the repository: the package whose src/ is emitted. Default: the root. */
  readonly folder?: string;
  /** For a package that imports `millstream`: where its declarations are. Default: where its package.json says. */
  readonly millstreamDeclarations?: string;
}

/** Returns what tsc said when it failed, and `undefined` when all is written. */
export function emit(root: string, options: EmitOptions): string | undefined {
  rmSync(options.outDir, { recursive: true, force: true });
  const only =
    options.declarationsOnly === true
      ? ['--emitDeclarationOnly', '--sourceMap', 'false', '--inlineSources', 'false']
      : [];
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const project = projectFile(join(root, options.folder ?? ''), options);
  const args = [tsc, '-p', project, '--outDir', options.outDir, '--pretty', 'false', ...only];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (project.startsWith(options.outDir)) rmSync(project);
  if (status !== 0) return stdout + stderr;
  for (const path of globSync(['**/*.js', '**/*.d.ts'], { cwd: options.outDir }))
    rewriteSuffixes(join(options.outDir, path));
  return undefined;
}

/** The project that tsc is given: the package's own, or one in the scratch folder that knows where `millstream` is. */
function projectFile(folder: string, { outDir, millstreamDeclarations: declarations }: EmitOptions): string {
  const own = join(folder, 'tsconfig.build.json');
  if (declarations === undefined) return own;
  const paths = {
    millstream: [join(declarations, 'index.d.ts')],
    'millstream/testing': [join(declarations, 'testing/index.d.ts')],
  };
  const typeRoots = [join(folder, '../../node_modules/@types')];
  const compilerOptions = { paths, rootDir: join(folder, 'src'), typeRoots };
  mkdirSync(outDir, { recursive: true });
  const path = join(outDir, 'tsconfig.json');
  writeFileSync(path, JSON.stringify({ extends: own, compilerOptions, include: [join(folder, 'src')] }));
  return path;
}

/** Turns every relative `….ts` that names a module of ours into `….js`, in place and without moving anything. */
function rewriteSuffixes(path: string): void {
  const text = readFileSync(path, 'utf8');
  if (!text.includes('.ts')) return;
  const literals: Array<{ readonly value: string; readonly end: number }> = [];
  const { program } = parseSync(path, text);
  new Visitor({
    ImportDeclaration: (node) => void literals.push(node.source),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) literals.push(node.source);
    },
    ExportAllDeclaration: (node) => void literals.push(node.source),
    TSImportType: (node) => void literals.push(node.source),
    NewExpression: (node) => {
      const [file, base] = node.arguments;
      const isUrl = node.callee.type === 'Identifier' && node.callee.name === 'URL' && base !== undefined;
      if (isUrl && file?.type === 'Literal' && typeof file.value === 'string')
        literals.push({ value: file.value, end: file.end });
    },
  }).visit(program);

  // Each literal ends with `.ts` and its quote, and the new suffix is as long as the old one.
  let changed = text;
  for (const { value, end } of literals) {
    if (!value.startsWith('.') || !value.endsWith('.ts')) continue;
    const target = resolve(dirname(path), value.replace(/\.ts$/, '.d.ts'));
    if (!existsSync(target)) throw new Error(`${path} names ${value}, which was not emitted`);
    changed = `${changed.slice(0, end - 4)}.js${changed.slice(end - 1)}`;
  }
  if (changed !== text) writeFileSync(path, changed);
}
