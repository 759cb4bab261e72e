/** Function calls: arguments, the clauses behind them, windows. */
import type { Expression } from './expression.ts';
import type { Identifier, QualifiedName, SyntaxNode } from './node.ts';
import type { Query, SortItem } from './query.ts';

/** `name => value`. */
export interface NamedArgument extends SyntaxNode<'named-argument'> {
  readonly name: Identifier;
  readonly value: Argument;
}

/** `TABLE t PARTITION BY a ORDER BY b`, or a query in parentheses with one of the two clauses. */
export interface TableArgument extends SyntaxNode<'table-argument'> {
  readonly table: QualifiedName | Query;
  readonly partitionBy: readonly Identifier[];
  readonly orderBy: readonly SortItem[];
}

/** `MODEL m`. */
export interface ModelArgument extends SyntaxNode<'model-argument'> {
  readonly model: QualifiedName;
}

export type Argument = Expression | NamedArgument | TableArgument | ModelArgument;

/** `DESCRIPTOR(a, b)`. */
export interface Descriptor extends SyntaxNode<'descriptor'> {
  readonly columns: readonly Identifier[];
}

export type FrameBound =
  | { readonly kind: 'unbounded-preceding' }
  | { readonly kind: 'unbounded-following' }
  | { readonly kind: 'current-row' }
  | { readonly kind: 'preceding'; readonly offset: Expression }
  | { readonly kind: 'following'; readonly offset: Expression };

export interface WindowFrame {
  readonly unit: 'ROWS' | 'RANGE';
  readonly start: FrameBound;
  /** Absent without BETWEEN. */
  readonly end: FrameBound | undefined;
  readonly exclude: 'CURRENT ROW' | 'GROUP' | 'TIES' | 'NO OTHERS' | undefined;
}

export interface WindowSpecification extends SyntaxNode<'window'> {
  /** The named window that this one refines. */
  readonly base: Identifier | undefined;
  readonly partitionBy: readonly Expression[];
  readonly orderBy: readonly SortItem[];
  readonly frame: WindowFrame | undefined;
  readonly partial: 'ALLOW' | 'DISALLOW' | undefined;
}

export interface Call extends SyntaxNode<'call'> {
  readonly name: QualifiedName;
  readonly quantifier: 'ALL' | 'DISTINCT' | undefined;
  readonly arguments: readonly Argument[];
  /** ORDER BY behind the arguments, inside the parentheses. */
  readonly orderBy: readonly SortItem[];
  readonly nulls: 'IGNORE' | 'RESPECT' | undefined;
  readonly withinDistinct: readonly Expression[];
  readonly withinGroup: readonly SortItem[];
  readonly filter: Expression | undefined;
  readonly over: Identifier | WindowSpecification | undefined;
}
