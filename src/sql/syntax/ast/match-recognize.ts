/** MATCH_RECOGNIZE: the clause and its patterns. */
import type { Expression } from './expression.ts';
import type { IntervalLiteral } from './literal.ts';
import type { Identifier, SyntaxNode } from './node.ts';
import type { SortItem } from './query.ts';
import type { TableReference } from './table-reference.ts';

export type RowPattern =
  | { readonly kind: 'variable'; readonly name: Identifier }
  | { readonly kind: 'sequence' | 'alternation' | 'permutation'; readonly patterns: readonly RowPattern[] }
  | { readonly kind: 'exclusion'; readonly pattern: RowPattern }
  | {
      readonly kind: 'repetition';
      readonly pattern: RowPattern;
      readonly minimum: number;
      /** Absent: without an end. */
      readonly maximum: number | undefined;
      readonly reluctant: boolean;
    };

export type AfterMatch =
  | { readonly kind: 'past-last-row' }
  | { readonly kind: 'to-next-row' }
  | { readonly kind: 'to-first' | 'to-last'; readonly variable: Identifier };

/** An expression with a name: a measure, or what a pattern variable must fulfil. */
export interface NamedExpression {
  readonly name: Identifier;
  readonly expression: Expression;
}

export interface PatternSubset {
  readonly name: Identifier;
  readonly variables: readonly Identifier[];
}

export interface MatchRecognize extends SyntaxNode<'match-recognize'> {
  readonly input: TableReference;
  readonly partitionBy: readonly Expression[];
  readonly orderBy: readonly SortItem[];
  readonly measures: readonly NamedExpression[];
  readonly rowsPerMatch: 'ONE' | 'ALL' | undefined;
  readonly afterMatch: AfterMatch | undefined;
  /** Whether `^` stands before the pattern, and `$` behind it. */
  readonly anchoredStart: boolean;
  readonly anchoredEnd: boolean;
  readonly pattern: RowPattern;
  readonly within: IntervalLiteral | undefined;
  readonly subsets: readonly PatternSubset[];
  readonly define: readonly NamedExpression[];
}
