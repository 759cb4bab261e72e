/** What stands in FROM. */
import type { Call } from './call.ts';
import type { Expression } from './expression.ts';
import type { NumberLiteral, StringLiteral } from './literal.ts';
import type { MatchRecognize } from './match-recognize.ts';
import type { Identifier, QualifiedName, SyntaxNode } from './node.ts';
import type { Hint, Query } from './query.ts';

export interface NamedTable extends SyntaxNode<'named-table'> {
  readonly name: QualifiedName;
  readonly hints: readonly Hint[];
  /** FOR SYSTEM_TIME AS OF. */
  readonly asOf: Expression | undefined;
}

export interface DerivedTable extends SyntaxNode<'derived-table'> {
  readonly lateral: boolean;
  readonly query: Query;
}

/** `TABLE(f(…))`, also written `f(…)`. */
export interface TableFunction extends SyntaxNode<'table-function'> {
  readonly lateral: boolean;
  readonly call: Call;
}

export interface Unnest extends SyntaxNode<'unnest'> {
  readonly collections: readonly Expression[];
  readonly ordinality: boolean;
}

export type JoinCondition =
  | { readonly kind: 'on'; readonly condition: Expression }
  | { readonly kind: 'using'; readonly columns: readonly Identifier[] };

export interface Join extends SyntaxNode<'join'> {
  readonly join: 'INNER' | 'LEFT' | 'RIGHT' | 'FULL' | 'CROSS' | 'COMMA';
  readonly natural: boolean;
  readonly left: TableReference;
  readonly right: TableReference;
  readonly condition: JoinCondition | undefined;
}

/** `input AS alias (columns)`. */
export interface AliasedTable extends SyntaxNode<'aliased-table'> {
  readonly input: TableReference;
  readonly alias: Identifier;
  readonly columns: readonly Identifier[];
}

export interface SampledTable extends SyntaxNode<'sampled-table'> {
  readonly input: TableReference;
  readonly method: 'BERNOULLI' | 'SYSTEM' | 'SUBSTITUTE';
  /** The percentage, or the name behind SUBSTITUTE. */
  readonly sample: NumberLiteral | StringLiteral;
  readonly seed: number | undefined;
}

export interface PivotAggregate {
  readonly call: Call;
  readonly alias: Identifier | undefined;
}

export interface PivotValue {
  readonly values: readonly Expression[];
  readonly alias: Identifier | undefined;
}

export interface Pivot extends SyntaxNode<'pivot'> {
  readonly input: TableReference;
  readonly aggregates: readonly PivotAggregate[];
  readonly axes: readonly Identifier[];
  readonly values: readonly PivotValue[];
}

export interface UnpivotColumns {
  readonly columns: readonly Identifier[];
  readonly values: readonly Expression[];
}

export interface Unpivot extends SyntaxNode<'unpivot'> {
  readonly input: TableReference;
  readonly nulls: 'INCLUDE' | 'EXCLUDE' | undefined;
  readonly measures: readonly Identifier[];
  readonly axes: readonly Identifier[];
  readonly columns: readonly UnpivotColumns[];
}

export type TableReference =
  | NamedTable
  | DerivedTable
  | TableFunction
  | Unnest
  | Join
  | AliasedTable
  | SampledTable
  | Pivot
  | Unpivot
  | MatchRecognize;
