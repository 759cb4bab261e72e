/** The printer: statements → SQL. */
import type { Expression } from './ast/expression.ts';
import type { Statement } from './ast/statement.ts';
import { printDataType } from './print/data-types.ts';
import { printExpression } from './print/expressions.ts';
import type { Printer } from './print/printer.ts';
import { printQuery } from './print/queries.ts';
import { printStatementBody } from './statement/statements.ts';

const PRINTER: Printer = {
  expression: (node, precedence = 0) => printExpression(PRINTER, node, precedence),
  query: (node) => printQuery(PRINTER, node),
  dataType: printDataType,
  statement: (node) => printStatementBody(node, PRINTER),
};

/**
 * A statement as SQL, on one line and in one form: keywords in upper case, names in backticks only where they must be,
 * parentheses only where they change the meaning. Parsing it gives the same tree again, but for the places in the text.
 *
 * @example
 * ```ts
 * import { parseStatement, printSql } from 'millstream/sql';
 * console.log(printSql(parseStatement('select `a`, (b) from t where ((c > 1))')));
 * ```
 */
export function printSql(statement: Statement): string {
  return PRINTER.statement(statement);
}

/**
 * An expression as SQL, in the form of {@link printSql}.
 *
 * @example
 * ```ts
 * import { parseSqlExpression, printSqlExpression } from 'millstream/sql';
 * console.log(printSqlExpression(parseSqlExpression('(a * 2) + b')));
 * ```
 */
export function printSqlExpression(expression: Expression): string {
  return PRINTER.expression(expression);
}
