/**
 * The public surface of an entry as text: every exported name with its declaration, without comments, in the order
 * of the alphabet; then the declarations that are not exported but that the public ones mention.
 *
 * It is read from the emitted declarations. Committed under docs/api it makes every change of the API a visible one.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';
import type { Comment, Statement, StaticExportEntry } from 'oxc-parser';

/** A declaration: the file that holds it and the name it has there. */
export interface Place {
  readonly file: DeclarationFile;
  readonly name: string;
}

/** What an entry exports, by its public name; `undefined` stands for a name of another package. */
export function publicPlaces(entryPath: string, files = new DeclarationFiles()): Map<string, Place | undefined> {
  const names = files.load(entryPath).exportedNames();
  return new Map(names.map((name) => [name, files.find(entryPath, name)]));
}

export function apiReport(entryPath: string): string {
  const files = new DeclarationFiles();
  const exported = publicPlaces(entryPath, files);
  const known = new Set<string>();
  for (const place of exported.values()) if (place !== undefined) known.add(keyOf(place));

  const lines: string[] = [];
  const queue: Place[] = [];
  for (const [name, place] of [...exported].toSorted(([a], [b]) => compare(a, b))) {
    if (place === undefined) {
      lines.push(`export { ${name} }; // of another package`, '');
      continue;
    }
    if (place.name !== name) lines.push(`// ${name} is`);
    lines.push(place.file.print(place.name), '');
    queue.push(place);
  }

  const mentioned = new Map<string, Place>();
  for (let place = queue.shift(); place !== undefined; place = queue.shift()) {
    for (const next of files.mentionedBy(place)) {
      const key = keyOf(next);
      if (known.has(key)) continue;
      known.add(key);
      mentioned.set(key, next);
      queue.push(next);
    }
  }
  if (mentioned.size > 0) lines.push('// Not exported, but mentioned above:', '');
  for (const place of [...mentioned.values()].toSorted((a, b) => compare(a.name, b.name))) {
    lines.push(place.file.print(place.name), '');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

/** A declaration file: what it declares at its top level, imports and exports. */
export class DeclarationFile {
  readonly path: string;
  readonly #text: string;
  readonly #comments: readonly Comment[];
  readonly #declarations = new Map<string, Statement[]>();
  readonly #imports = new Map<string, { readonly from: string; readonly name: string }>();
  readonly #exports: readonly StaticExportEntry[];

  constructor(path: string) {
    this.path = path;
    this.#text = readFileSync(path, 'utf8');
    const { program, module, comments } = parseSync(path, this.#text);
    this.#comments = comments;
    this.#exports = module.staticExports.flatMap((statement) => statement.entries);
    for (const { moduleRequest, entries } of module.staticImports) {
      for (const { localName, importName } of entries) {
        this.#imports.set(localName.value, { from: moduleRequest.value, name: importName.name ?? '*' });
      }
    }
    for (const statement of program.body) {
      for (const name of declaredNames(statement)) {
        const known = this.#declarations.get(name);
        if (known === undefined) this.#declarations.set(name, [statement]);
        else known.push(statement);
      }
    }
  }

  /** The names that an entry exports. Entries name each of them: `export *` would hide what is public. */
  exportedNames(): string[] {
    return this.#exports.map(({ exportName }) => {
      if (exportName.name === null) throw new Error(`${this.path}: an entry must name what it exports`);
      return exportName.name;
    });
  }

  declares(name: string): boolean {
    return this.#declarations.has(name);
  }

  importOf(name: string): { readonly from: string; readonly name: string } | undefined {
    return this.#imports.get(name);
  }

  exportOf(name: string): StaticExportEntry | undefined {
    return this.#exports.find((entry) => entry.exportName.name === name);
  }

  statements(name: string): readonly Statement[] {
    return this.#declarations.get(name) ?? [];
  }

  /** Whether the name stands for a type alone and vanishes when types are stripped. */
  isTypeOnly(name: string): boolean {
    return this.statements(name).every((statement) => {
      const inner = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
      return inner?.type === 'TSInterfaceDeclaration' || inner?.type === 'TSTypeAliasDeclaration';
    });
  }

  /** The doc comments directly before the declarations of a name. */
  docsBefore(name: string): string[] {
    const starts = this.statements(name).map((statement) => statement.start);
    return this.#docs((comment) =>
      starts.some((start) => comment.end <= start && this.#text.slice(comment.end, start).trim() === ''),
    );
  }

  /** The doc comments inside the declarations of a name: those of its members. */
  docsInside(name: string): string[] {
    const spans = this.statements(name);
    return this.#docs((comment) => spans.some(({ start, end }) => comment.start > start && comment.end < end));
  }

  /** The text of the doc comments that are wanted, without the stars. */
  #docs(wanted: (comment: Comment) => boolean): string[] {
    return this.#comments
      .filter((comment) => comment.type === 'Block' && comment.value.startsWith('*') && wanted(comment))
      .map((comment) => comment.value.slice(1).replaceAll(/^[ \t]*\* ?/gm, ''));
  }

  /** The declarations of a name as written, without their comments. */
  print(name: string): string {
    return this.statements(name)
      .map((statement) => {
        let text = '';
        let at = statement.start;
        for (const { start, end } of this.#comments) {
          if (start < statement.start || end > statement.end) continue;
          text += this.#text.slice(at, start);
          at = end;
        }
        text += this.#text.slice(at, statement.end);
        return text
          .replace(/^(?:export )?(?:declare )?/, '')
          .split('\n')
          .map((line) => line.trimEnd())
          .filter((line) => line !== '')
          .join('\n');
      })
      .join('\n');
  }
}

export class DeclarationFiles {
  readonly #loaded = new Map<string, DeclarationFile>();

  load(path: string): DeclarationFile {
    let file = this.#loaded.get(path);
    if (file === undefined) this.#loaded.set(path, (file = new DeclarationFile(path)));
    return file;
  }

  /** Follows re-exports to the declaration of an exported name; `undefined` when it belongs to another package. */
  find(path: string, name: string): Place | undefined {
    const file = this.load(path);
    const entry = file.exportOf(name);
    if (entry === undefined) return file.declares(name) ? { file, name } : undefined;
    if (entry.moduleRequest !== null)
      return this.#follow(path, entry.moduleRequest.value, entry.importName.name ?? '*');
    return this.inside(file, entry.localName.name ?? name);
  }

  /** The declaration that a name inside a file stands for. */
  inside(file: DeclarationFile, name: string): Place | undefined {
    if (file.declares(name)) return { file, name };
    const imported = file.importOf(name);
    return imported === undefined ? undefined : this.#follow(file.path, imported.from, imported.name);
  }

  /** The declarations of our own that the text of a declaration mentions. */
  mentionedBy(place: Place): Place[] {
    const found: Place[] = [];
    const mention = (node: { type: string; name?: unknown; left?: unknown; expression?: unknown }): void => {
      if (node.type === 'Identifier') {
        const target = this.inside(place.file, String(node.name));
        if (target !== undefined) found.push(target);
      } else if (node.type === 'TSQualifiedName') mention(node.left as typeof node);
    };
    const parameters = new Set<string>();
    const visitor = new Visitor({
      TSTypeParameter: (node) => void parameters.add(node.name.name),
      TSTypeReference: (node) => mention(node.typeName),
      TSTypeQuery: (node) => mention(node.exprName),
      TSClassImplements: (node) => mention(node.expression),
      TSInterfaceHeritage: (node) => mention(node.expression),
      ClassDeclaration: (node) => {
        if (node.superClass !== null) mention(node.superClass);
      },
      TSImportType: (node) => {
        if (node.qualifier === null) return;
        const name = node.qualifier.type === 'Identifier' ? node.qualifier.name : undefined;
        const target = name === undefined ? undefined : this.#follow(place.file.path, node.source.value, name);
        if (target !== undefined) found.push(target);
      },
    });
    for (const statement of place.file.statements(place.name)) {
      visitor.visit({
        type: 'Program',
        body: [statement],
        sourceType: 'module',
        hashbang: null,
        start: 0,
        end: 0,
        comments: [],
      } as never);
    }
    return found.filter(({ file, name }) => file !== place.file || !parameters.has(name));
  }

  #follow(from: string, specifier: string, name: string): Place | undefined {
    if (!specifier.startsWith('.')) return undefined;
    const path = resolve(dirname(from), specifier.replace(/\.[jt]s$/, '.d.ts'));
    if (!existsSync(path)) throw new Error(`${from} imports ${specifier}, which has no declarations`);
    return this.find(path, name);
  }
}

function declaredNames(statement: Statement): string[] {
  switch (statement.type) {
    case 'ExportNamedDeclaration':
      return statement.declaration === null ? [] : declaredNames(statement.declaration);
    case 'VariableDeclaration':
      return statement.declarations.flatMap(({ id }) => (id.type === 'Identifier' ? [id.name] : []));
    case 'ClassDeclaration':
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
      return statement.id === null ? [] : [statement.id.name];
    case 'TSInterfaceDeclaration':
    case 'TSTypeAliasDeclaration':
      return [statement.id.name];
    default:
      return [];
  }
}

function keyOf(place: Place): string {
  return join(place.file.path, place.name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
