/**
 * The register of statements: which word begins which, and how each kind is printed. A new kind of statement is its type
 * in `ast/`, its two functions in a file of this folder, and a line in each of the two tables here.
 */
import type { Statement } from '../ast/statement.ts';
import type { Printer } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseAlter, printAlter } from './alter.ts';
import { parseCreate, parseReplace } from './create.ts';
import { printCreateCatalog, printCreateConnection, printCreateDatabase } from './create-catalog.ts';
import { printAlterFunction, printCreateFunction } from './create-function.ts';
import { printCreateMaterializedTable } from './create-materialized-table.ts';
import { printCreateModel } from './create-model.ts';
import { printCreateTable } from './create-table.ts';
import { printCreateView } from './create-view.ts';
import { parseAnalyzeTable, parseDescribe, printAnalyzeTable, printDescribe, printDescribeJob } from './describe.ts';
import { parseDrop, printDrop } from './drop.ts';
import {
  parseCompilePlan,
  parseExecutePlan,
  parseExplain,
  printCompilePlan,
  printExecutePlan,
  printExplain,
} from './explain.ts';
import {
  parseBegin,
  parseExecute,
  parseInsert,
  parseQueryStatement,
  parseStatementSet,
  printExecute,
  printInsert,
  printQueryStatement,
  printStatementSet,
} from './insert.ts';
import {
  parseCallProcedure,
  parseJarStatement,
  parseLoadModule,
  parseReset,
  parseSet,
  parseShellCommand,
  parseStopJob,
  parseUnloadModule,
  parseUse,
  printCallProcedure,
  printJarStatement,
  printLoadModule,
  printReset,
  printSet,
  printShellCommand,
  printStopJob,
  printUnloadModule,
  printUseCatalog,
  printUseDatabase,
  printUseModules,
} from './session.ts';
import { parseShow, printShow, printShowCreate, printShowPartitions } from './show.ts';
import { parseDelete, parseTruncate, parseUpdate, printDelete, printTruncate, printUpdate } from './update.ts';

const PARSERS: Readonly<Record<string, (c: TokenCursor) => Statement>> = {
  SELECT: parseQueryStatement,
  INSERT: parseInsert,
  CREATE: parseCreate,
  WITH: parseQueryStatement,
  VALUES: parseQueryStatement,
  TABLE: parseQueryStatement,
  '(': parseQueryStatement,
  EXPLAIN: parseExplain,
  EXECUTE: (c) => (c.is('PLAN', 1) ? parseExecutePlan(c) : parseExecute(c)),
  SET: parseSet,
  RESET: parseReset,
  SHOW: parseShow,
  DESCRIBE: parseDescribe,
  DESC: parseDescribe,
  USE: parseUse,
  DROP: parseDrop,
  ALTER: parseAlter,
  UPDATE: parseUpdate,
  DELETE: parseDelete,
  TRUNCATE: parseTruncate,
  UPSERT: parseInsert,
  REPLACE: parseReplace,
  STATEMENT: parseStatementSet,
  BEGIN: parseBegin,
  COMPILE: parseCompilePlan,
  ANALYZE: parseAnalyzeTable,
  CALL: parseCallProcedure,
  LOAD: parseLoadModule,
  UNLOAD: parseUnloadModule,
  ADD: parseJarStatement,
  REMOVE: parseJarStatement,
  STOP: parseStopJob,
  HELP: parseShellCommand,
  QUIT: parseShellCommand,
  EXIT: parseShellCommand,
  CLEAR: parseShellCommand,
  HISTORY: parseShellCommand,
};

export function parseStatementBody(c: TokenCursor): Statement {
  const found = Object.keys(PARSERS).find((word) => c.at(word));
  const parse = found === undefined ? undefined : PARSERS[found];
  return parse === undefined ? c.fail() : parse(c);
}

type Printers = { readonly [K in Statement['kind']]: (node: Extract<Statement, { kind: K }>, p: Printer) => string };

const PRINTERS: Printers = {
  query: printQueryStatement,
  insert: printInsert,
  'statement-set': printStatementSet,
  execute: printExecute,
  update: printUpdate,
  delete: printDelete,
  truncate: printTruncate,
  explain: printExplain,
  'compile-plan': printCompilePlan,
  'execute-plan': printExecutePlan,
  'create-table': printCreateTable,
  'create-materialized-table': printCreateMaterializedTable,
  'create-view': printCreateView,
  'create-catalog': printCreateCatalog,
  'create-database': printCreateDatabase,
  'create-connection': printCreateConnection,
  'create-function': printCreateFunction,
  'create-model': printCreateModel,
  alter: printAlter,
  'alter-function': printAlterFunction,
  drop: printDrop,
  show: printShow,
  'show-create': printShowCreate,
  'show-partitions': printShowPartitions,
  describe: printDescribe,
  'describe-job': printDescribeJob,
  'use-catalog': printUseCatalog,
  'use-database': printUseDatabase,
  'use-modules': printUseModules,
  'load-module': printLoadModule,
  'unload-module': printUnloadModule,
  'analyze-table': printAnalyzeTable,
  'call-procedure': printCallProcedure,
  jar: printJarStatement,
  'stop-job': printStopJob,
  set: printSet,
  reset: printReset,
  shell: printShellCommand,
};

export function printStatementBody(node: Statement, p: Printer): string {
  const print = PRINTERS[node.kind] as (node: Statement, p: Printer) => string;
  return print(node, p);
}
