/** What stands in FROM, as text. */
import type { Expression } from '../ast/expression.ts';
import type { Join, PivotAggregate, TableReference } from '../ast/table-reference.ts';
import { printCall } from './calls.ts';
import { printHints } from './hints.ts';
import { printLiteral } from './literals.ts';
import { printMatchRecognize } from './match-recognize.ts';
import { printName, printNameOrList, printNames, printQualifiedName } from './names.ts';
import { clause, commaList, type Printer, words } from './printer.ts';

export function printTableReference(p: Printer, table: TableReference): string {
  switch (table.kind) {
    case 'named-table':
      return words(
        printQualifiedName(table.name),
        printHints(table.hints),
        clause('FOR SYSTEM_TIME AS OF', table.asOf, (asOf) => p.expression(asOf)),
      );
    case 'derived-table':
      return words(table.lateral && 'LATERAL', `(${p.query(table.query)})`);
    case 'table-function':
      return words(table.lateral && 'LATERAL', `TABLE(${printCall(p, table.call)})`);
    case 'unnest': {
      const collections = commaList(table.collections, (one) => p.expression(one));
      return words(`UNNEST(${collections})`, table.ordinality && 'WITH ORDINALITY');
    }
    case 'join':
      return printJoin(p, table);
    case 'aliased-table':
      return words(
        printInput(p, table.input, SUFFIXES.alias),
        'AS',
        printName(table.alias),
        table.columns.length > 0 && printNames(table.columns),
      );
    case 'sampled-table':
      return words(
        printInput(p, table.input, SUFFIXES.sample),
        `TABLESAMPLE ${table.method} (${printLiteral(table.sample)})`,
        table.seed !== undefined && `REPEATABLE (${table.seed})`,
      );
    case 'pivot': {
      const aggregates = commaList(table.aggregates, (one) => printPivotAggregate(p, one));
      const values = commaList(table.values, (one) =>
        words(printRow(p, one.values), one.alias && `AS ${printName(one.alias)}`),
      );
      const input = printInput(p, table.input, SUFFIXES.pivot);
      return `${input} PIVOT (${aggregates} FOR ${printNameOrList(table.axes)} IN (${values}))`;
    }
    case 'unpivot': {
      const columns = commaList(table.columns, (one) =>
        words(printNameOrList(one.columns), one.values.length > 0 && `AS ${printRow(p, one.values)}`),
      );
      const measures = printNameOrList(table.measures);
      return words(
        printInput(p, table.input, SUFFIXES.unpivot),
        'UNPIVOT',
        table.nulls && `${table.nulls} NULLS`,
        `(${measures} FOR ${printNameOrList(table.axes)} IN (${columns}))`,
      );
    }
    case 'match-recognize':
      return printMatchRecognize(p, table, printInput(p, table.input, SUFFIXES.match));
  }
}

/** The order in which suffixes stand behind a table: whatever has come later already needs parentheses. */
const SUFFIXES = { table: 0, match: 1, pivot: 2, unpivot: 3, alias: 4, sample: 5, join: 6 } as const;

function suffixOf(table: TableReference): number {
  switch (table.kind) {
    case 'match-recognize':
      return SUFFIXES.match;
    case 'pivot':
      return SUFFIXES.pivot;
    case 'unpivot':
      return SUFFIXES.unpivot;
    case 'aliased-table':
      return SUFFIXES.alias;
    case 'sampled-table':
      return SUFFIXES.sample;
    case 'join':
      return SUFFIXES.join;
    default:
      return SUFFIXES.table;
  }
}

/** What a suffix stands behind. Only MATCH_RECOGNIZE takes a table with an alias as it is. */
function printInput(p: Printer, input: TableReference, suffix: number): string {
  const plainAlias =
    suffix === SUFFIXES.match &&
    input.kind === 'aliased-table' &&
    input.columns.length === 0 &&
    suffixOf(input.input) === SUFFIXES.table;
  const text = printTableReference(p, input);
  return suffixOf(input) < suffix || plainAlias ? text : `(${text})`;
}

function printJoin(p: Printer, { join, natural, left, right, condition }: Join): string {
  const first = printTableReference(p, left);
  const printed = printTableReference(p, right);
  const second = right.kind === 'join' ? `(${printed})` : printed;
  if (join === 'COMMA') return `${first}, ${second}`;
  return words(
    first,
    natural && 'NATURAL',
    join === 'INNER' ? 'JOIN' : `${join} JOIN`,
    second,
    condition?.kind === 'on' && `ON ${p.expression(condition.condition)}`,
    condition?.kind === 'using' && `USING ${printNames(condition.columns)}`,
  );
}

function printPivotAggregate(p: Printer, { call, alias }: PivotAggregate): string {
  return words(printCall(p, call), alias && `AS ${printName(alias)}`);
}

function printRow(p: Printer, values: readonly Expression[]): string {
  const printed = commaList(values, (value) => p.expression(value));
  const [first] = values;
  return values.length === 1 && first?.kind !== 'row' ? printed : `ROW(${printed})`;
}
