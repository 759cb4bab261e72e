/** Statements about the session: USE, modules, jars, jobs, options, procedures, and what only the shell knows. */
import type {
  CallProcedure,
  JarStatement,
  LoadModule,
  ResetOption,
  SetOption,
  ShellCommand,
  StopJob,
  UnloadModule,
  UseCatalog,
  UseDatabase,
  UseModules,
} from '../ast/utility.ts';
import { parseCall } from '../parse/calls.ts';
import { parseString } from '../parse/literals.ts';
import { parseOption, parseQualifiedName, parseWithOptions } from '../parse/names.ts';
import { printCall } from '../print/calls.ts';
import { printString } from '../print/literals.ts';
import { printName, printOption, printQualifiedName, printWithOptions } from '../print/names.ts';
import { clause, commaList, type Printer, words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';

/** `USE CATALOG c`, `USE MODULES a, b`, `USE db`. */
export function parseUse(c: TokenCursor): UseCatalog | UseModules | UseDatabase {
  const start = c.token;
  c.expect('USE');
  if (c.at('CATALOG') && c.atName(1)) {
    c.advance();
    return { kind: 'use-catalog', catalog: c.name(), span: c.since(start) };
  }
  if (c.accept('MODULES')) return { kind: 'use-modules', modules: c.list(() => c.name()), span: c.since(start) };
  return { kind: 'use-database', database: parseQualifiedName(c), span: c.since(start) };
}

export function printUseCatalog({ catalog }: UseCatalog): string {
  return `USE CATALOG ${printName(catalog)}`;
}

export function printUseModules({ modules }: UseModules): string {
  return `USE MODULES ${commaList(modules, printName)}`;
}

export function printUseDatabase({ database }: UseDatabase): string {
  return `USE ${printQualifiedName(database)}`;
}

export function parseLoadModule(c: TokenCursor): LoadModule {
  const start = c.token;
  c.expect('LOAD', 'MODULE');
  const module = c.name();
  return { kind: 'load-module', module, options: parseWithOptions(c), span: c.since(start) };
}

export function printLoadModule({ module, options }: LoadModule): string {
  return words('LOAD MODULE', printName(module), printWithOptions(options));
}

export function parseUnloadModule(c: TokenCursor): UnloadModule {
  const start = c.token;
  c.expect('UNLOAD', 'MODULE');
  return { kind: 'unload-module', module: c.name(), span: c.since(start) };
}

export function printUnloadModule({ module }: UnloadModule): string {
  return `UNLOAD MODULE ${printName(module)}`;
}

export function parseJarStatement(c: TokenCursor): JarStatement {
  const start = c.token;
  const action = c.expectAny(['ADD', 'REMOVE']);
  c.expect('JAR');
  return { kind: 'jar', action, path: parseString(c), span: c.since(start) };
}

export function printJarStatement({ action, path }: JarStatement): string {
  return `${action} JAR ${printString(path)}`;
}

export function parseStopJob(c: TokenCursor): StopJob {
  const start = c.token;
  c.expect('STOP', 'JOB');
  const job = parseString(c);
  const savepoint = c.accept('WITH', 'SAVEPOINT');
  const drain = savepoint && c.accept('WITH', 'DRAIN');
  return { kind: 'stop-job', job, savepoint, drain, span: c.since(start) };
}

export function printStopJob({ job, savepoint, drain }: StopJob): string {
  return words('STOP JOB', printString(job), savepoint && 'WITH SAVEPOINT', drain && 'WITH DRAIN');
}

export function parseSet(c: TokenCursor): SetOption {
  const start = c.token;
  c.expect('SET');
  return { kind: 'set', option: c.token.kind === 'end' ? undefined : parseOption(c), span: c.since(start) };
}

export function printSet({ option }: SetOption): string {
  return words('SET', option && printOption(option));
}

export function parseReset(c: TokenCursor): ResetOption {
  const start = c.token;
  c.expect('RESET');
  return { kind: 'reset', key: c.token.kind === 'end' ? undefined : parseString(c), span: c.since(start) };
}

export function printReset({ key }: ResetOption): string {
  return clause('RESET', key, printString) || 'RESET';
}

export function parseCallProcedure(c: TokenCursor): CallProcedure {
  const start = c.token;
  c.expect('CALL');
  return { kind: 'call-procedure', call: parseCall(c), span: c.since(start) };
}

export function printCallProcedure({ call }: CallProcedure, p: Printer): string {
  return `CALL ${printCall(p, call)}`;
}

/** EXIT is not the same word as QUIT to those who read their scripts again. */
export function parseShellCommand(c: TokenCursor): ShellCommand {
  const start = c.token;
  const command = c.expectAny(['HELP', 'QUIT', 'EXIT', 'CLEAR', 'HISTORY']);
  return { kind: 'shell', command, span: c.since(start) };
}

export function printShellCommand({ command }: ShellCommand): string {
  return command;
}
