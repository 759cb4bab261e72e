/** A parsed source file, as the checks of structure see it: its text, its tree, and what it imports. */
import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';
import type { EcmaScriptModule, Program } from 'oxc-parser';
import { lineAt } from './problem.ts';

export interface Import {
  /** The imported file relative to the repository, or the name of a package. */
  readonly target: string;
  readonly line: number;
  /** Whether it is gone when the types are. */
  readonly typeOnly: boolean;
}

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  readonly module: EcmaScriptModule;
  /** Every import and re-export, `import type` and `import('…')` in types included. */
  readonly imports: readonly Import[];
}

export function readSources(root: string, patterns: readonly string[]): SourceFile[] {
  return globSync(patterns, { cwd: root })
    .map((path) => path.replaceAll('\\', '/'))
    .toSorted()
    .map((path) => parseSource(path, readFileSync(join(root, path), 'utf8')));
}

export function parseSource(path: string, text: string): SourceFile {
  const { program, module, errors } = parseSync(path, text);
  const [error] = errors;
  if (error !== undefined) throw new Error(`${path} cannot be parsed: ${error.message}`);
  const imports: Import[] = [];
  const add = (specifier: string, offset: number, typeOnly = false): void => {
    imports.push({ target: resolveSpecifier(path, specifier), line: lineAt(text, offset), typeOnly });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source.value, node.start, node.importKind === 'type'),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) add(node.source.value, node.start, node.exportKind === 'type');
    },
    ExportAllDeclaration: (node) => add(node.source.value, node.start),
    ImportExpression: (node) => {
      if (node.source.type === 'Literal' && typeof node.source.value === 'string') add(node.source.value, node.start);
    },
    TSImportType: (node) => add(node.source.value, node.start, true),
  }).visit(program);
  return { path, text, program, module, imports };
}

/** Resolves a relative specifier against the importing file; a package's name stays as it is. */
function resolveSpecifier(from: string, specifier: string): string {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : specifier;
}
