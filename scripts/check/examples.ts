/**
 * The examples that users copy: those in the doc comments of public names, and the TypeScript blocks of README.md
 * and docs/guide. Each is a module of its own that is compiled and then run.
 *
 * - What an example uses of `millstream` without importing it is imported for it.
 * - An example that declares what it takes as given (`declare const orders: …`) is compiled, not run. So is a job
 *   module (`export default`), and a block marked `no-run` because it needs a server or does not end.
 * - A block of a page that is marked `fragment` is neither.
 *
 * Every public name has a doc comment, and every function, class and constant an example in it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';
import type { BindingPattern } from 'oxc-parser';
import { DeclarationFiles, publicPlaces } from '../build/api.ts';
import type { Place } from '../build/api.ts';
import { packages, type Package } from '../build/entries.ts';
import { lineAt } from './problem.ts';
import type { Problem } from './problem.ts';
import { emittedDeclarations, scratchFolder } from './scratch.ts';

const PAGES = ['README.md', 'docs/guide/**/*.md', 'connectors/*/README.md'];
const FENCE = /^([ \t]*)```ts([^\n]*)\n([\s\S]*?)^\1```[ \t]*$/gm;

/** A public name with its declaration and the module specifier that gives it. */
interface PublicName {
  readonly name: string;
  readonly place: Place;
  readonly module: string;
}

interface Example {
  readonly path: string;
  readonly line: number;
  readonly code: string;
  readonly runs: boolean;
}

export function checkExamples(root: string): Problem[] {
  const problems: Problem[] = [];
  const examples: Example[] = [];
  const allNames: PublicName[] = [];
  const files = new DeclarationFiles();
  for (const one of packages(root)) {
    const sources = posix.join(one.folder, 'src');
    const declarations = emittedDeclarations(root, one.folder);
    if (declarations === undefined) {
      problems.push({ path: sources, line: 1, message: 'the declarations cannot be emitted; see the check of types' });
      continue;
    }
    const names = publicNames(one, declarations, files);
    allNames.push(...names);
    const commented = commentExamples(names, new Sources(root, declarations, sources));
    problems.push(...commented.problems);
    examples.push(...commented.examples);
  }
  examples.push(...pageExamples(root));
  return [...problems, ...tryExamples(root, examples, allNames)];
}

/** The examples in the comments of public names, and which names lack a comment or an example. */
function commentExamples(
  names: readonly PublicName[],
  sources: Sources,
): { readonly problems: Problem[]; readonly examples: Example[] } {
  const problems: Problem[] = [];
  const examples: Example[] = [];
  const once = new Map(names.map((entry) => [`${entry.place.file.path} ${entry.place.name}`, entry]));
  for (const { name, place } of once.values()) {
    const docs = place.file.docsBefore(place.name);
    const at = sources.locate(place);
    const blocks = docs.flatMap(exampleBlocks);
    if (docs.length === 0) problems.push({ ...at, message: `${name} is public and has no doc comment` });
    else if (blocks.length === 0 && !place.file.isTypeOnly(place.name)) {
      problems.push({ ...at, message: `${name} is public and its doc comment has no @example with a block of ts` });
    }
    const inside = place.file.docsInside(place.name).flatMap(exampleBlocks);
    for (const block of [...blocks, ...inside]) examples.push({ ...sources.locate(place, block.code), ...block });
  }
  return { problems, examples };
}

function publicNames({ name, folder, entries }: Package, declarations: string, files: DeclarationFiles): PublicName[] {
  return entries.flatMap(({ subpath, source }) => {
    const inside = posix.relative(posix.join(folder, 'src'), source);
    const entry = join(declarations, inside.replace(/\.ts$/, '.d.ts'));
    if (!existsSync(entry)) return [];
    return [...publicPlaces(entry, files)].flatMap(([exported, place]) =>
      place === undefined ? [] : [{ name: exported, place, module: `${name}${subpath.slice(1)}` }],
    );
  });
}

/** The blocks after each `@example` of a doc comment. */
function exampleBlocks(doc: string): Array<Pick<Example, 'code' | 'runs'>> {
  const start = doc.indexOf('@example');
  return start === -1 ? [] : fencedBlocks(doc.slice(start)).map(({ code, runs }) => ({ code, runs }));
}

function pageExamples(root: string): Example[] {
  return globSync(PAGES, { cwd: root }).flatMap((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    return fencedBlocks(text).map(({ code, runs, start }) => ({ path, line: lineAt(text, start), code, runs }));
  });
}

function fencedBlocks(text: string): Array<{ code: string; runs: boolean; start: number }> {
  return [...text.matchAll(FENCE)].flatMap((match) => {
    const [, , marks = '', code = ''] = match;
    if (/\bfragment\b/.test(marks)) return [];
    const runs = !/\bno-run\b/.test(marks) && !/^\s*(?:declare|export default)\b/m.test(code);
    return [{ code, runs, start: match.index }];
  });
}

/** Finds the line in the sources behind an emitted declaration. */
class Sources {
  readonly #root: string;
  readonly #declarations: string;
  readonly #sources: string;

  constructor(root: string, declarations: string, sources: string) {
    this.#root = root;
    this.#declarations = declarations;
    this.#sources = sources;
  }

  /** The line of the declaration, or of the first line of `code` in a comment of its file. */
  locate({ file, name }: Place, code?: string): { path: string; line: number } {
    const path = file.path
      .replace(this.#declarations, this.#sources)
      .replaceAll('\\', '/')
      .replace(/\.d\.ts$/, '.ts');
    const text = readFileSync(join(this.#root, path), 'utf8');
    const first = code
      ?.split('\n')
      .find((line) => line.trim() !== '')
      ?.trim();
    const offset =
      first === undefined
        ? text.search(new RegExp(`\\b(?:class|function|const|interface|type) ${name}\\b`))
        : text.indexOf(first);
    return { path, line: offset === -1 ? 1 : lineAt(text, offset) };
  }
}

function tryExamples(root: string, examples: readonly Example[], names: readonly PublicName[]): Problem[] {
  const folder = scratchFolder(root);
  const files = examples.map((example, i) => {
    const file = `example-${i}.ts`;
    writeFileSync(join(folder, file), withImports(example.code, names));
    return file;
  });
  const settings = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    include: ['*.ts'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));

  const problems: Problem[] = [];
  const report = (file: string, message: string): void => {
    const example = examples[files.indexOf(file)];
    if (example !== undefined) problems.push({ path: example.path, line: example.line, message });
  };
  const tsc = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false'],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  );
  for (const [, file = '', message = ''] of tsc.stdout.matchAll(/^(example-\d+\.ts)\(\d+,\d+\): (.*)$/gm)) {
    report(file, `the example does not compile: ${message}`);
  }

  const runnable = files.filter((_, i) => examples[i]?.runs === true);
  const runner = fileURLToPath(new URL('./run-examples.ts', import.meta.url));
  const run = spawnSync(process.execPath, [...process.execArgv, runner, folder, ...runnable], {
    cwd: scratchFolder(root),
    encoding: 'utf8',
  });
  for (const [, file = '', message = ''] of run.stdout.matchAll(/^(example-\d+\.ts): (.*)$/gm))
    report(file, `the example fails: ${message}`);
  if (run.status !== 0)
    problems.push({
      path: 'scripts/check/run-examples.ts',
      line: 1,
      message: `ended with ${run.status}: ${run.stderr}`,
    });
  return problems;
}

/** The example with an import of every public name that it uses and does not declare itself. */
function withImports(code: string, names: readonly PublicName[]): string {
  // Too many are harmless: an import that is not used does nothing.
  const used = new Set(Array.from(code.matchAll(/[\w$]+/g), ([word]) => word));
  const declared = new Set<string>();
  const parsed = parseSync('example.ts', code);
  for (const { localName } of parsed.module.staticImports.flatMap(({ entries }) => entries))
    declared.add(localName.value);
  for (const statement of parsed.program.body) {
    const inner = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
    if (inner === null) continue;
    if ('id' in inner && inner.id !== null && 'name' in inner.id) declared.add(inner.id.name);
    if (inner.type === 'VariableDeclaration') for (const { id } of inner.declarations) addBoundNames(id, declared);
  }
  const wanted = new Map<string, PublicName>();
  for (const entry of names) {
    if (used.has(entry.name) && !declared.has(entry.name) && !wanted.has(entry.name)) wanted.set(entry.name, entry);
  }
  const imports = [...wanted.values()].map(({ name, place, module }) => {
    return `import ${place.file.isTypeOnly(place.name) ? 'type ' : ''}{ ${name} } from '${module}';`;
  });
  return `${imports.join(' ')}\nexport {};\n${code}`;
}

/** The names that a pattern such as `{ a, b: [c] }` binds. */
function addBoundNames(pattern: BindingPattern, names: Set<string>): void {
  switch (pattern.type) {
    case 'Identifier':
      names.add(pattern.name);
      break;
    case 'AssignmentPattern':
      addBoundNames(pattern.left, names);
      break;
    case 'ObjectPattern':
      for (const part of pattern.properties)
        addBoundNames(part.type === 'RestElement' ? part.argument : part.value, names);
      break;
    case 'ArrayPattern':
      for (const part of pattern.elements) {
        if (part !== null) addBoundNames(part.type === 'RestElement' ? part.argument : part, names);
      }
  }
}
