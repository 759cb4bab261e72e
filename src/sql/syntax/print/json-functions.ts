/** The JSON functions as text. */
import type { JsonEntry, JsonExpression, JsonNulls, JsonPassing, JsonValueBehavior } from '../ast/json.ts';
import type { Expression } from '../ast/expression.ts';
import { PRECEDENCE } from '../operators.ts';
import { printSortItem } from './calls.ts';
import { printName } from './names.ts';
import { clause, commaList, listClause, type Printer, words } from './printer.ts';

type JsonPrinters = {
  readonly [K in JsonExpression['kind']]: (p: Printer, node: Extract<JsonExpression, { kind: K }>) => string;
};

export const JSON_PRINTERS: JsonPrinters = {
  'json-exists': (p, node) => `JSON_EXISTS(${words(printPath(p, node), node.onError && onError(node.onError))})`,
  'json-value': (p, node) =>
    `JSON_VALUE(${words(
      printPath(p, node),
      clause('RETURNING', node.returning, (type) => p.dataType(type)),
      node.onEmpty && `${printBehavior(p, node.onEmpty)} ON EMPTY`,
      node.onError && `${printBehavior(p, node.onError)} ON ERROR`,
    )})`,
  'json-query': (p, node) =>
    `JSON_QUERY(${words(
      printPath(p, node),
      clause('RETURNING', node.returning, (type) => p.dataType(type)),
      node.wrapper && `${node.wrapper} WRAPPER`,
      node.onEmpty && `${node.onEmpty} ON EMPTY`,
      node.onError && onError(node.onError),
    )})`,
  'json-object': (p, { entries, nulls }) =>
    `JSON_OBJECT(${words(
      commaList(entries, (entry) => printEntry(p, entry)),
      printNulls(nulls),
    )})`,
  'json-array': (p, { elements, nulls }) =>
    `JSON_ARRAY(${words(
      commaList(elements, (element) => p.expression(element)),
      printNulls(nulls),
    )})`,
  'json-objectagg': (p, { entry, nulls }) => `JSON_OBJECTAGG(${words(printEntry(p, entry), printNulls(nulls))})`,
  'json-arrayagg': (p, { element, orderBy, nulls }) =>
    `JSON_ARRAYAGG(${words(
      p.expression(element),
      listClause('ORDER BY', orderBy, (item) => printSortItem(p, item)),
      printNulls(nulls),
    )})`,
};

function onError(behavior: string): string {
  return `${behavior} ON ERROR`;
}

interface JsonPath {
  readonly input: Expression;
  readonly path: Expression;
  readonly passing: readonly JsonPassing[];
}

function printPath(p: Printer, { input, path, passing }: JsonPath): string {
  return words(
    `${p.expression(input)}, ${p.expression(path)}`,
    listClause('PASSING', passing, ({ value, name }) => `${p.expression(value)} AS ${printName(name)}`),
  );
}

function printBehavior(p: Printer, behavior: JsonValueBehavior): string {
  return behavior.kind === 'default' ? `DEFAULT ${p.expression(behavior.value)}` : behavior.kind.toUpperCase();
}

/** The key is an atom, so that KEY before it is no name. */
function printEntry(p: Printer, { key, value }: JsonEntry): string {
  return `KEY ${p.expression(key, PRECEDENCE.atom)} VALUE ${p.expression(value)}`;
}

function printNulls(nulls: JsonNulls | undefined): string {
  return nulls === undefined ? '' : `${nulls} ON NULL`;
}
