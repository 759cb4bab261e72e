/** Queries. */
import type { WindowSpecification } from './call.ts';
import type { Expression, Parameter } from './expression.ts';
import type { NumberLiteral, StringLiteral } from './literal.ts';
import type { Identifier, QualifiedName, SyntaxNode } from './node.ts';
import type { TableReference } from './table-reference.ts';

export interface SortItem extends SyntaxNode<'sort-item'> {
  readonly expression: Expression;
  readonly descending: boolean;
  readonly nulls: 'FIRST' | 'LAST' | undefined;
}

/** One option of a hint: a value, or `key = value`. */
export interface HintOption {
  readonly key: Identifier | StringLiteral | undefined;
  readonly value: Identifier | StringLiteral | NumberLiteral;
}

/** One hint between the comment signs: `STATE_TTL(...)`. */
export interface Hint extends SyntaxNode<'hint'> {
  readonly name: Identifier;
  readonly options: readonly HintOption[];
}

export interface SelectItem extends SyntaxNode<'select-item'> {
  readonly expression: Expression;
  readonly alias: Identifier | undefined;
}

export type GroupingElement =
  | { readonly kind: 'grouping-expression'; readonly expression: Expression }
  | { readonly kind: 'grouping-empty' }
  | { readonly kind: 'grouping-sets'; readonly elements: readonly GroupingElement[] }
  | { readonly kind: 'rollup' | 'cube'; readonly expressions: readonly Expression[] };

export interface GroupBy {
  readonly quantifier: 'ALL' | 'DISTINCT' | undefined;
  readonly elements: readonly GroupingElement[];
}

export interface NamedWindow {
  readonly name: Identifier;
  readonly window: WindowSpecification;
}

export interface Select extends SyntaxNode<'select'> {
  readonly hints: readonly Hint[];
  readonly stream: boolean;
  readonly quantifier: 'ALL' | 'DISTINCT' | undefined;
  readonly items: readonly SelectItem[];
  readonly from: TableReference | undefined;
  readonly where: Expression | undefined;
  readonly groupBy: GroupBy | undefined;
  readonly having: Expression | undefined;
  readonly windows: readonly NamedWindow[];
  readonly qualify: Expression | undefined;
}

/** `VALUES (1, 'a'), (2, 'b')`. A row without parentheses has one value. */
export interface Values extends SyntaxNode<'values'> {
  readonly rows: readonly (readonly Expression[])[];
}

/** `TABLE t` as a query. */
export interface ExplicitTable extends SyntaxNode<'explicit-table'> {
  readonly table: QualifiedName;
}

export interface SetOperation extends SyntaxNode<'set-operation'> {
  readonly operator: 'UNION' | 'INTERSECT' | 'EXCEPT';
  /** Without ALL, which is also what DISTINCT says, duplicates go. */
  readonly all: boolean;
  readonly left: Query;
  readonly right: Query;
}

export interface CommonTable extends SyntaxNode<'common-table'> {
  readonly name: Identifier;
  readonly columns: readonly Identifier[];
  readonly query: Query;
}

export interface WithQuery extends SyntaxNode<'with'> {
  readonly recursive: boolean;
  readonly tables: readonly CommonTable[];
  readonly query: Query;
}

/** A query with ORDER BY, LIMIT, OFFSET or FETCH (which is LIMIT). */
export interface OrderedQuery extends SyntaxNode<'ordered'> {
  readonly query: Query;
  readonly orderBy: readonly SortItem[];
  readonly offset: NumberLiteral | Parameter | undefined;
  readonly limit: NumberLiteral | Parameter | undefined;
}

/** A query: SELECT, VALUES, TABLE, set operations, and these under WITH or with ORDER BY. `kind` tells them apart. */
export type Query = Select | Values | ExplicitTable | SetOperation | WithQuery | OrderedQuery;
