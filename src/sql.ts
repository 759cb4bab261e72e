/** Flink SQL as syntax: parsing and printing. The entry `millstream/sql`; every name in it is listed here. */

export { parseScript, parseSqlExpression, parseStatement } from './sql/syntax/parser.ts';
export type { ScriptEntry } from './sql/syntax/parser.ts';
export { printSql, printSqlExpression } from './sql/syntax/print-sql.ts';
export type { Expression } from './sql/syntax/ast/expression.ts';
export type { Span } from './sql/syntax/ast/node.ts';
export type { Query } from './sql/syntax/ast/query.ts';
export type { Statement } from './sql/syntax/ast/statement.ts';
