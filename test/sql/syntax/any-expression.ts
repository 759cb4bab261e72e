/** Random syntax trees of expressions, types and queries: every kind of node, shaped as the parser shapes them. */
import fc, { type Arbitrary } from 'fast-check';
import type { Expression, Query, Span } from '../../../src/sql.ts';
import type { Argument, Call, WindowSpecification } from '../../../src/sql/syntax/ast/call.ts';
import type { DataType } from '../../../src/sql/syntax/ast/data-type.ts';
import type {
  IntervalLiteral,
  IntervalQualifier,
  Literal,
  StringLiteral,
} from '../../../src/sql/syntax/ast/literal.ts';
import type { RowPattern } from '../../../src/sql/syntax/ast/match-recognize.ts';
import type { Identifier, QualifiedName } from '../../../src/sql/syntax/ast/node.ts';
import type { GroupingElement, Hint, SortItem } from '../../../src/sql/syntax/ast/query.ts';
import type { TableReference } from '../../../src/sql/syntax/ast/table-reference.ts';

const SPAN: Span = { start: 0, end: 0, line: 1, column: 1 };

/** A node of this kind from arbitraries for its fields. */
export function node<K extends string, F extends object>(
  kind: K,
  fields: { readonly [N in keyof F]: Arbitrary<F[N]> },
): Arbitrary<{ kind: K; span: Span } & F> {
  return fc
    .record(fields as unknown as Record<string, Arbitrary<unknown>>)
    .map((values) => ({ kind, ...values, span: SPAN }) as unknown as { kind: K; span: Span } & F);
}

export function maybe<T>(arbitrary: Arbitrary<T>): Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined });
}

export function some<T>(arbitrary: Arbitrary<T>, minLength = 1): Arbitrary<T[]> {
  return fc.array(arbitrary, { minLength, maxLength: 3 });
}

const PLAIN_NAMES = ['a', 'b', 'Price', 'ts', '_x1', 'größe', '日本', 'x$y', 'e', 'n', 'x', 'u', 'days', 'd', 'fn'];
const ODD_NAMES = ['a b', 'x`y', "it's", '1st', '--', '/*', ';', '$', '.', ' '];
const KEYWORDS =
  'select value map MODEL final KEY first json if row nulls tumble metadata plan catalog partial CURRENT_DATE date some floor substring trim translate descriptor timestampadd array case row count next system jar exclude preceding ordinality columns'.split(
    ' ',
  );
export const anyName: Arbitrary<Identifier> = fc
  .constantFrom(...PLAIN_NAMES, ...PLAIN_NAMES, ...ODD_NAMES, ...KEYWORDS)
  .map((name) => ({ kind: 'identifier', name, span: SPAN }));
export const anyQualifiedName: Arbitrary<QualifiedName> = node('qualified-name', { parts: some(anyName) });
export const anyString: Arbitrary<StringLiteral> = node('string', {
  value: fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom("'", "''", '\\', '\n', '--', ';', '😀')),
  charset: maybe(fc.constantFrom('UTF8', 'UTF-16LE')),
});

const anyQualifier: Arbitrary<IntervalQualifier> = fc
  .constantFrom(
    ['YEAR'],
    ['YEAR', 'MONTH'],
    ['QUARTER'],
    ['MONTH'],
    ['WEEK'],
    ['DAY'],
    ['DAY', 'SECOND'],
    ['HOUR', 'MINUTE'],
    ['MINUTE', 'SECOND'],
    ['SECOND'],
  )
  .chain(([unit, to]) =>
    fc.record({
      unit: fc.constant(unit as IntervalQualifier['unit']),
      precision: unit === 'SECOND' ? fc.constant(2) : maybe(fc.nat({ max: 9 })),
      to: fc.constant(to as IntervalQualifier['to']),
      fraction: unit === 'SECOND' || to === 'SECOND' ? maybe(fc.nat({ max: 9 })) : fc.constant(undefined),
    }),
  );
export const anyInterval: Arbitrary<IntervalLiteral> = node('interval', {
  negative: fc.boolean(),
  text: fc.constantFrom('1', '1:30', ''),
  qualifier: anyQualifier,
});
const anyNumber = fc.constantFrom(
  { form: 'integer' as const, text: '1' },
  { form: 'decimal' as const, text: '0.50' },
  { form: 'decimal' as const, text: '.5' },
  { form: 'decimal' as const, text: '7.' },
  { form: 'approximate' as const, text: '1E-3' },
);
const anyNumberLiteral = anyNumber.map((number) => ({ kind: 'number' as const, ...number, span: SPAN }));
export const anyDateTime = node('date-time', {
  type: fc.constantFrom(
    'DATE',
    'TIME',
    'TIMESTAMP',
    'TIMESTAMP WITH LOCAL TIME ZONE',
    'TIME WITH TIME ZONE',
  ) as Arbitrary<'DATE' | 'TIMESTAMP'>,
  text: fc.constantFrom('2024-01-01', "'"),
});

const LITERALS: { readonly [K in Literal['kind']]: Arbitrary<Extract<Literal, { kind: K }>> } = {
  null: fc.constant({ kind: 'null', span: SPAN }),
  truth: node('truth', { value: fc.constantFrom('TRUE', 'FALSE', 'UNKNOWN') }),
  number: anyNumberLiteral,
  string: anyString,
  bytes: node('bytes', { hex: fc.constantFrom('', '0A', 'FFFE') }),
  'date-time': anyDateTime,
  interval: anyInterval,
};
export const anyLiteral: Arbitrary<Literal> = fc.oneof(...Object.values(LITERALS)) as Arbitrary<Literal>;

/** Random trees refer to each other; each reference goes one level deeper, and at the bottom stands a leaf. */
interface Tie {
  readonly expression: Arbitrary<Expression>;
  readonly query: Arbitrary<Query>;
  readonly type: Arbitrary<DataType>;
  readonly table: Arbitrary<TableReference>;
}

const anyColumn = node('column', { path: some(anyName) });

function level(depth: number): Tie {
  if (depth === 0) {
    const leaves: Arbitrary<Expression> = fc.oneof(anyLiteral, anyColumn, node('parameter', { index: fc.constant(0) }));
    const table: Arbitrary<TableReference> = node('named-table', {
      name: anyQualifiedName,
      hints: fc.constant([]),
      asOf: fc.constant(undefined),
    });
    return {
      expression: leaves,
      query: node('explicit-table', { table: anyQualifiedName }),
      type: basicType,
      table,
    };
  }
  const deeper = level(depth - 1);
  return {
    expression: fc.oneof(deeper.expression, ...Object.values(expressions(deeper))) as Arbitrary<Expression>,
    query: fc.oneof(...Object.values(queries(deeper))) as Arbitrary<Query>,
    type: fc.oneof(...Object.values(types(deeper))) as Arbitrary<DataType>,
    table: fc.oneof(...Object.values(tables(deeper))) as Arbitrary<TableReference>,
  };
}

const basicType: Arbitrary<DataType> = fc.oneof(
  node('basic-type', {
    name: fc.constantFrom('INT', 'BIGINT', 'DOUBLE', 'STRING', 'BYTES', 'DATE', 'VARIANT', 'BITMAP', 'BOOLEAN'),
    parameters: fc.constant([]),
    notNull: fc.boolean(),
  }),
  node('basic-type', {
    name: fc.constantFrom('CHAR', 'VARCHAR', 'TIME', 'TIMESTAMP', 'TIMESTAMP_LTZ', 'TIMESTAMP WITH TIME ZONE'),
    parameters: fc.array(fc.nat({ max: 9 }), { maxLength: 1 }),
    notNull: fc.boolean(),
  }),
  node('basic-type', {
    name: fc.constant('DECIMAL'),
    parameters: fc.array(fc.nat({ max: 38 }), { maxLength: 2 }),
    notNull: fc.boolean(),
  }),
) as Arbitrary<DataType>;

function types({ type }: Tie): { readonly [K in DataType['kind']]: Arbitrary<unknown> } {
  const notNull = fc.boolean();
  const fields = (least: number): Arbitrary<unknown[]> =>
    some(node('field', { name: anyName, type, comment: maybe(anyString) }), least);
  return {
    'basic-type': basicType,
    'interval-type': node('interval-type', { qualifier: anyQualifier, notNull }),
    'collection-type': node('collection-type', {
      collection: fc.constantFrom('ARRAY', 'MULTISET'),
      element: type,
      notNull,
    }),
    'map-type': node('map-type', { key: type, value: type, notNull }),
    'row-type': node('row-type', { fields: fields(0), notNull }),
    'structured-type': node('structured-type', { className: anyString, fields: fields(0), notNull }),
    'raw-type': node('raw-type', { className: anyString, serializer: anyString, notNull }),
    'named-type': node('named-type', { name: anyQualifiedName, notNull }),
  };
}

function anySortItem(expression: Arbitrary<Expression>): Arbitrary<SortItem> {
  return node('sort-item', { expression, descending: fc.boolean(), nulls: maybe(fc.constantFrom('FIRST', 'LAST')) });
}

function anyWindow(expression: Arbitrary<Expression>): Arbitrary<WindowSpecification> {
  const bound = fc.oneof(
    fc.constantFrom(
      { kind: 'unbounded-preceding' as const },
      { kind: 'unbounded-following' as const },
      { kind: 'current-row' as const },
    ),
    fc.record({ kind: fc.constantFrom('preceding' as const, 'following' as const), offset: expression }),
  );
  return node('window', {
    base: maybe(anyName),
    partitionBy: some(expression, 0),
    orderBy: some(anySortItem(expression), 0),
    frame: maybe(
      fc.record({
        unit: fc.constantFrom('ROWS', 'RANGE'),
        start: bound,
        end: maybe(bound),
        exclude: maybe(fc.constantFrom('CURRENT ROW', 'GROUP', 'TIES', 'NO OTHERS')),
      }),
    ),
    partial: maybe(fc.constantFrom('ALLOW', 'DISALLOW')),
  }) as Arbitrary<WindowSpecification>;
}

function anyArgument({ expression, query }: Tie): Arbitrary<Argument> {
  const orderBy = some(anySortItem(expression), 0);
  const tableArgument = fc.oneof(
    node('table-argument', { table: anyQualifiedName, partitionBy: some(anyName, 0), orderBy }),
    node('table-argument', { table: query, partitionBy: some(anyName, 1), orderBy }),
  );
  const unnamed = fc.oneof(
    { weight: 4, arbitrary: expression },
    node('default', {}),
    node('star', { qualifier: some(anyName, 0) }),
    tableArgument,
    node('model-argument', { model: anyQualifiedName }),
  );
  const named = node('named-argument', { name: anyName, value: unnamed });
  return fc.oneof({ weight: 3, arbitrary: unnamed }, named) as Arbitrary<Argument>;
}

/** What ends in a table argument would take the ORDER BY of the call for its own. */
function endsInTable(argument: Argument | undefined): boolean {
  if (argument?.kind === 'named-argument') return endsInTable(argument.value);
  return argument?.kind === 'table-argument' || argument?.kind === 'subquery';
}

function anyCall(tie: Tie): Arbitrary<Call> {
  const { expression } = tie;
  return fc
    .record({
      name: anyQualifiedName,
      quantifier: maybe(fc.constantFrom('ALL' as const, 'DISTINCT' as const)),
      arguments: some(anyArgument(tie), 0),
      orderBy: some(anySortItem(expression), 0),
      nulls: maybe(fc.constantFrom('IGNORE' as const, 'RESPECT' as const)),
      withinDistinct: some(expression, 0),
      withinGroup: some(anySortItem(expression), 0),
      filter: maybe(expression),
      over: maybe(fc.oneof(anyName, anyWindow(expression))),
    })
    .map((call) => {
      const bare = call.arguments.length === 0;
      const quantifier = bare ? undefined : call.quantifier;
      const orderBy = bare || endsInTable(call.arguments.at(-1)) ? [] : call.orderBy;
      return { kind: 'call' as const, ...call, quantifier, orderBy, span: SPAN };
    });
}

const UNITS = fc.constantFrom('DAY', 'EPOCH', 'SQL_TSI_HOUR', 'MICROSECOND');

function expressions(tie: Tie): { readonly [K in Expression['kind']]: Arbitrary<unknown> } {
  const { expression, query, type } = tie;
  const subquery = node('subquery', { query });
  const among = fc.oneof(
    subquery,
    node('value-list', { values: some(expression) }).filter(
      ({ values }) => values.length > 1 || values[0]?.kind !== 'subquery',
    ),
  );
  const negated = fc.boolean();
  const passing = some(fc.record({ value: expression, name: anyName }), 0);
  const path = { input: expression, path: expression, passing };
  const entry = fc.record({ key: expression, value: expression });
  const nulls = maybe(fc.constantFrom('NULL', 'ABSENT'));
  const behavior = maybe(
    fc.oneof(
      fc.constantFrom({ kind: 'null' }, { kind: 'error' }),
      fc.record({ kind: fc.constant('default'), value: expression }),
    ),
  );
  const queryBehavior = maybe(fc.constantFrom('NULL', 'ERROR', 'EMPTY ARRAY', 'EMPTY OBJECT'));
  const operand = expression;
  const binary = (...operators: string[]): Arbitrary<unknown> =>
    node('binary', { operator: fc.constantFrom(...operators), left: expression, right: expression });
  return {
    ...LITERALS,
    column: anyColumn,
    star: anyColumn,
    parameter: node('parameter', { index: fc.constant(0) }),
    default: anyColumn,
    unary: node('unary', { operator: fc.constantFrom('+', '-', 'NOT'), operand }),
    binary: fc.oneof(
      binary('=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/', '%', '||'),
      binary('IS DISTINCT FROM', 'IS NOT DISTINCT FROM', 'MEMBER OF', 'SUBMULTISET OF', 'NOT SUBMULTISET OF'),
      binary('MULTISET UNION', 'MULTISET UNION DISTINCT', 'MULTISET INTERSECT', 'MULTISET EXCEPT DISTINCT'),
      binary('OVERLAPS', 'CONTAINS', 'EQUALS', 'PRECEDES', 'SUCCEEDS', 'IMMEDIATELY PRECEDES', 'IMMEDIATELY SUCCEEDS'),
    ),
    logical: node('logical', { operator: fc.constantFrom('AND', 'OR'), operands: some(expression, 2) }),
    is: node('is', {
      operand,
      negated,
      test: fc.constantFrom('NULL', 'TRUE', 'UNKNOWN', 'EMPTY', 'A SET', 'JSON VALUE', 'JSON SCALAR'),
    }),
    between: node('between', { operand, negated, symmetric: fc.boolean(), lower: expression, upper: expression }),
    like: node('like', {
      operator: fc.constantFrom('LIKE', 'ILIKE', 'RLIKE', 'SIMILAR TO'),
      operand,
      negated,
      pattern: expression,
      escape: maybe(expression),
    }),
    in: node('in', { operand, negated, among }),
    quantified: node('quantified', {
      operand,
      operator: fc.constantFrom('=', '<>', '<', '>='),
      quantifier: fc.constantFrom('SOME', 'ALL'),
      among,
    }),
    subquery,
    exists: node('exists', { predicate: fc.constantFrom('EXISTS', 'UNIQUE'), query }),
    case: fc
      .record({ operand: maybe(expression), when: some(expression), result: expression, otherwise: maybe(expression) })
      .map(({ operand: of, when, result, otherwise }) => {
        const branch = { kind: 'when', when: of === undefined ? when.slice(0, 1) : when, result, span: SPAN };
        return { kind: 'case', operand: of, branches: [branch], otherwise, span: SPAN };
      }),
    cast: node('cast', { function: fc.constantFrom('CAST', 'TRY_CAST'), operand, type, format: maybe(anyString) }),
    item: node('item', { operand, index: expression }),
    'field-access': node('field-access', { operand, field: anyName }),
    row: node('row', { values: some(fc.oneof({ weight: 9, arbitrary: expression }, node('default', {}))) }),
    collection: node('collection', {
      collection: fc.constantFrom('ARRAY', 'MAP', 'MULTISET'),
      elements: some(expression, 0),
    }),
    period: node('period', { from: expression, to: expression }),
    'interval-expression': node('interval-expression', { value: expression, qualifier: anyQualifier }),
    'date-difference': node('date-difference', {
      left: expression,
      right: expression,
      qualifier: anyQualifier,
    }),
    context: node('context', { name: fc.constantFrom('CURRENT_DATE', 'LOCALTIMESTAMP', 'USER') }),
    'sequence-value': node('sequence-value', { which: fc.constantFrom('NEXT', 'CURRENT'), sequence: anyQualifiedName }),
    extract: node('extract', { unit: UNITS, operand }),
    rounding: node('rounding', { function: fc.constantFrom('FLOOR', 'CEIL'), operand, unit: UNITS }),
    'timestamp-arithmetic': node('timestamp-arithmetic', {
      function: fc.constantFrom('TIMESTAMPADD', 'TIMESTAMPDIFF'),
      unit: UNITS,
      first: expression,
      second: expression,
    }),
    position: node('position', { needle: expression, haystack: expression, from: maybe(expression) }),
    overlay: node('overlay', { operand, placing: expression, from: expression, length: maybe(expression) }),
    trim: node('trim', {
      side: fc.constantFrom('BOTH', 'LEADING', 'TRAILING'),
      characters: maybe(expression),
      operand,
    }),
    transcode: node('transcode', { function: fc.constantFrom('CONVERT', 'TRANSLATE'), operand, charset: anyName }),
    'match-semantics': node('match-semantics', {
      semantics: fc.constantFrom('RUNNING', 'FINAL'),
      operand: anyCall(tie),
    }),
    call: anyCall(tie),
    descriptor: node('descriptor', { columns: some(anyName) }),
    'json-exists': node('json-exists', { ...path, onError: maybe(fc.constantFrom('TRUE', 'UNKNOWN', 'ERROR')) }),
    'json-value': node('json-value', { ...path, returning: maybe(type), onEmpty: behavior, onError: behavior }),
    'json-query': node('json-query', {
      ...path,
      returning: maybe(type),
      wrapper: maybe(fc.constantFrom('WITHOUT ARRAY', 'WITH CONDITIONAL ARRAY', 'WITH UNCONDITIONAL ARRAY')),
      onEmpty: queryBehavior,
      onError: queryBehavior,
    }),
    'json-object': node('json-object', { entries: some(entry, 0), nulls }),
    'json-array': node('json-array', { elements: some(expression, 0), nulls }),
    'json-objectagg': node('json-objectagg', { entry, nulls }),
    'json-arrayagg': node('json-arrayagg', { element: expression, orderBy: some(anySortItem(expression), 0), nulls }),
  };
}

const anyHintValue = fc.oneof(anyName, anyString);
export const anyHint: Arbitrary<Hint> = node('hint', {
  name: anyName,
  options: some(
    fc.oneof(
      fc.record({ key: maybe(anyHintValue), value: anyHintValue }),
      fc.record({ key: fc.constant(undefined), value: anyNumberLiteral }),
    ),
    0,
  ),
}) as Arbitrary<Hint>;

function anyGrouping({ expression }: Tie): Arbitrary<GroupingElement> {
  const simple: Arbitrary<GroupingElement> = fc.oneof(
    fc.constant({ kind: 'grouping-empty' as const }),
    fc.record({ kind: fc.constant('grouping-expression' as const), expression }),
    fc.record({ kind: fc.constantFrom('rollup' as const, 'cube' as const), expressions: some(expression) }),
  );
  return fc.oneof(simple, fc.record({ kind: fc.constant('grouping-sets' as const), elements: some(simple) }));
}

function queries(tie: Tie): { readonly [K in Query['kind']]: Arbitrary<unknown> } {
  const { expression, query, table } = tie;
  const count = maybe(fc.oneof(anyNumberLiteral, node('parameter', { index: fc.constant(0) })));
  const star = node('star', { qualifier: some(anyName, 0) });
  const clauses = {
    from: table,
    where: maybe(expression),
    groupBy: maybe(
      fc.record({ quantifier: maybe(fc.constantFrom('ALL', 'DISTINCT')), elements: some(anyGrouping(tie)) }),
    ),
    having: maybe(expression),
    windows: some(fc.record({ name: anyName, window: anyWindow(expression) }), 0),
    qualify: maybe(expression),
  };
  const nothing = fc.constant(undefined);
  const head = {
    hints: fc.array(anyHint, { maxLength: 2 }),
    stream: fc.boolean(),
    quantifier: maybe(fc.constantFrom('ALL', 'DISTINCT')),
    items: some(node('select-item', { expression: fc.oneof(expression, star), alias: maybe(anyName) })),
  };
  // Commas part tables in FROM itself, never within parentheses, so they stand above all other joins here.
  const commas = fc.record({ left: table, right: table }).map(({ left, right }) => {
    const natural = false;
    return { kind: 'join', join: 'COMMA', natural, left, right, condition: undefined, span: SPAN };
  });
  return {
    select: fc.oneof(
      node('select', { ...head, ...clauses }),
      node('select', { ...head, ...clauses, from: commas }),
      node('select', {
        ...head,
        from: nothing,
        where: nothing,
        groupBy: nothing,
        having: nothing,
        windows: fc.constant([]),
        qualify: nothing,
      }),
    ),
    values: node('values', { rows: some(some(fc.oneof({ weight: 9, arbitrary: expression }, node('default', {})))) }),
    'explicit-table': node('explicit-table', { table: anyQualifiedName }),
    'set-operation': node('set-operation', {
      operator: fc.constantFrom('UNION', 'INTERSECT', 'EXCEPT'),
      all: fc.boolean(),
      left: query,
      right: query,
    }),
    with: node('with', {
      recursive: fc.boolean(),
      tables: some(node('common-table', { name: anyName, columns: some(anyName, 0), query })),
      query,
    }),
    ordered: node('ordered', { query, orderBy: some(anySortItem(expression), 0), offset: count, limit: count }).filter(
      ({ orderBy, offset, limit }) => orderBy.length > 0 || offset !== undefined || limit !== undefined,
    ),
  };
}

function anyPattern(depth: number): Arbitrary<RowPattern> {
  const variable = fc.record({ kind: fc.constant('variable' as const), name: anyName });
  if (depth === 0) return variable;
  const deeper = anyPattern(depth - 1);
  return fc.oneof(
    variable,
    fc.record({ kind: fc.constantFrom('sequence' as const, 'alternation' as const), patterns: some(deeper, 2) }),
    fc.record({ kind: fc.constant('permutation' as const), patterns: some(deeper) }),
    fc.record({ kind: fc.constant('exclusion' as const), pattern: deeper }),
    fc.record({
      kind: fc.constant('repetition' as const),
      pattern: deeper,
      minimum: fc.nat({ max: 2 }),
      maximum: maybe(fc.nat({ max: 3 })),
      reluctant: fc.boolean(),
    }),
  );
}

function tables(tie: Tie): { readonly [K in TableReference['kind']]: Arbitrary<unknown> } {
  const { expression, query, table } = tie;
  const names = some(anyName);
  const alias = maybe(anyName);
  const values = some(expression);
  const named = fc.record({ name: anyName, expression });
  return {
    'named-table': node('named-table', {
      name: anyQualifiedName,
      hints: fc.array(anyHint, { maxLength: 2 }),
      asOf: maybe(expression),
    }),
    'derived-table': node('derived-table', { lateral: fc.boolean(), query }),
    'table-function': node('table-function', { lateral: fc.boolean(), call: anyCall(tie) }),
    unnest: node('unnest', { collections: some(expression), ordinality: fc.boolean() }),
    join: node('join', {
      join: fc.constantFrom('INNER', 'LEFT', 'RIGHT', 'FULL', 'CROSS'),
      natural: fc.boolean(),
      left: table,
      right: table,
      condition: maybe(
        fc.oneof(
          fc.record({ kind: fc.constant('on'), condition: expression }),
          fc.record({ kind: fc.constant('using'), columns: names }),
        ),
      ),
    }),
    'aliased-table': node('aliased-table', { input: table, alias: anyName, columns: some(anyName, 0) }),
    'sampled-table': fc.oneof(
      node('sampled-table', {
        input: table,
        method: fc.constantFrom('BERNOULLI', 'SYSTEM'),
        sample: anyNumberLiteral,
        seed: maybe(fc.nat()),
      }),
      node('sampled-table', {
        input: table,
        method: fc.constant('SUBSTITUTE'),
        sample: anyString,
        seed: fc.constant(undefined),
      }),
    ),
    pivot: node('pivot', {
      input: table,
      aggregates: some(fc.record({ call: anyCall(tie), alias })),
      axes: names,
      values: some(fc.record({ values, alias }), 0),
    }),
    unpivot: node('unpivot', {
      input: table,
      nulls: maybe(fc.constantFrom('INCLUDE', 'EXCLUDE')),
      measures: names,
      axes: names,
      columns: some(fc.record({ columns: names, values: some(expression, 0) })),
    }),
    'match-recognize': node('match-recognize', {
      input: table,
      partitionBy: some(expression, 0),
      orderBy: some(anySortItem(expression), 0),
      measures: some(named, 0),
      rowsPerMatch: maybe(fc.constantFrom('ONE', 'ALL')),
      afterMatch: maybe(
        fc.oneof(
          fc.constantFrom({ kind: 'past-last-row' }, { kind: 'to-next-row' }),
          fc.record({ kind: fc.constantFrom('to-first', 'to-last'), variable: anyName }),
        ),
      ),
      anchoredStart: fc.boolean(),
      anchoredEnd: fc.boolean(),
      pattern: anyPattern(2),
      within: maybe(anyInterval),
      subsets: some(fc.record({ name: anyName, variables: names }), 0),
      define: some(named),
    }),
  };
}

const DEEP = level(3);
const SHALLOW = level(1);
export const anyExpression = DEEP.expression;
export const anyQuery = DEEP.query;
export const anySmallExpression = SHALLOW.expression;
export const anySmallQuery = level(2).query;
export const anySmallType = SHALLOW.type;
export const anySmallCall = anyCall(level(0));
