/** Expressions. Parentheses leave no trace: the shape of the tree says what belongs together. */
import type { Call, Descriptor } from './call.ts';
import type { DataType } from './data-type.ts';
import type { JsonExpression } from './json.ts';
import type { IntervalQualifier, Literal, StringLiteral } from './literal.ts';
import type { Identifier, QualifiedName, SyntaxNode } from './node.ts';
import type { Query } from './query.ts';

/** A column, or a field of one: which of the two the parts mean is for the binder. */
export interface ColumnReference extends SyntaxNode<'column'> {
  readonly path: readonly Identifier[];
}

/** `*` or `t.*`. */
export interface Star extends SyntaxNode<'star'> {
  readonly qualifier: readonly Identifier[];
}

/** `?`, numbered from 0 within its statement. */
export interface Parameter extends SyntaxNode<'parameter'> {
  readonly index: number;
}

/** `DEFAULT` in the place of a value. */
export interface DefaultValue extends SyntaxNode<'default'> {}

export interface Unary extends SyntaxNode<'unary'> {
  readonly operator: '+' | '-' | 'NOT';
  readonly operand: Expression;
}

export type BinaryOperator =
  | '='
  | '<>'
  | '<'
  | '<='
  | '>'
  | '>='
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '||'
  | 'IS DISTINCT FROM'
  | 'IS NOT DISTINCT FROM'
  | 'MEMBER OF'
  | 'SUBMULTISET OF'
  | 'NOT SUBMULTISET OF'
  | 'MULTISET UNION'
  | 'MULTISET UNION DISTINCT'
  | 'MULTISET INTERSECT'
  | 'MULTISET INTERSECT DISTINCT'
  | 'MULTISET EXCEPT'
  | 'MULTISET EXCEPT DISTINCT'
  | 'OVERLAPS'
  | 'CONTAINS'
  | 'EQUALS'
  | 'PRECEDES'
  | 'SUCCEEDS'
  | 'IMMEDIATELY PRECEDES'
  | 'IMMEDIATELY SUCCEEDS';

export interface Binary extends SyntaxNode<'binary'> {
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}

/** A chain of AND or OR, flat, so that thousands of alternatives stay one level deep. Two operands or more. */
export interface Logical extends SyntaxNode<'logical'> {
  readonly operator: 'AND' | 'OR';
  readonly operands: readonly Expression[];
}

export type Test =
  | 'NULL'
  | 'TRUE'
  | 'FALSE'
  | 'UNKNOWN'
  | 'EMPTY'
  | 'A SET'
  | 'JSON VALUE'
  | 'JSON OBJECT'
  | 'JSON ARRAY'
  | 'JSON SCALAR';

/** `x IS [NOT] NULL` and its like. */
export interface Is extends SyntaxNode<'is'> {
  readonly operand: Expression;
  readonly negated: boolean;
  readonly test: Test;
}

export interface Between extends SyntaxNode<'between'> {
  readonly operand: Expression;
  readonly negated: boolean;
  readonly symmetric: boolean;
  readonly lower: Expression;
  readonly upper: Expression;
}

export interface Like extends SyntaxNode<'like'> {
  readonly operator: 'LIKE' | 'ILIKE' | 'RLIKE' | 'SIMILAR TO';
  readonly operand: Expression;
  readonly negated: boolean;
  readonly pattern: Expression;
  readonly escape: Expression | undefined;
}

/** What stands behind IN, SOME and ALL: values, or a query. */
export interface ValueList extends SyntaxNode<'value-list'> {
  readonly values: readonly Expression[];
}

export interface In extends SyntaxNode<'in'> {
  readonly operand: Expression;
  readonly negated: boolean;
  readonly among: ValueList | Subquery;
}

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** `x > ALL (…)`; ANY is SOME. */
export interface Quantified extends SyntaxNode<'quantified'> {
  readonly operand: Expression;
  readonly operator: Comparison;
  readonly quantifier: 'SOME' | 'ALL';
  readonly among: ValueList | Subquery;
}

/** A query in parentheses, where a value stands. */
export interface Subquery extends SyntaxNode<'subquery'> {
  readonly query: Query;
}

export interface Exists extends SyntaxNode<'exists'> {
  readonly predicate: 'EXISTS' | 'UNIQUE';
  readonly query: Query;
}

export interface CaseBranch extends SyntaxNode<'when'> {
  /** One condition; several values only where CASE has an operand. */
  readonly when: readonly Expression[];
  readonly result: Expression;
}

export interface Case extends SyntaxNode<'case'> {
  readonly operand: Expression | undefined;
  readonly branches: readonly CaseBranch[];
  readonly otherwise: Expression | undefined;
}

export interface Cast extends SyntaxNode<'cast'> {
  readonly function: 'CAST' | 'TRY_CAST';
  readonly operand: Expression;
  readonly type: DataType;
  /** Behind FORMAT. */
  readonly format: StringLiteral | undefined;
}

/** `array[i]`, `map[k]`, `row[n]`. */
export interface ItemAccess extends SyntaxNode<'item'> {
  readonly operand: Expression;
  readonly index: Expression;
}

/** `(row).field`, where the operand is no plain path. */
export interface FieldAccess extends SyntaxNode<'field-access'> {
  readonly operand: Expression;
  readonly field: Identifier;
}

/** `ROW(a, b)` or `(a, b)`. */
export interface RowConstructor extends SyntaxNode<'row'> {
  readonly values: readonly Expression[];
}

/** `ARRAY[…]`, `MULTISET[…]`, and `MAP[k, v, …]`, whose elements alternate. */
export interface CollectionConstructor extends SyntaxNode<'collection'> {
  readonly collection: 'ARRAY' | 'MAP' | 'MULTISET';
  readonly elements: readonly Expression[];
}

/** `PERIOD(from, to)`. */
export interface Period extends SyntaxNode<'period'> {
  readonly from: Expression;
  readonly to: Expression;
}

/** `INTERVAL n DAY` with something else than a string. */
export interface IntervalExpression extends SyntaxNode<'interval-expression'> {
  readonly value: Expression;
  readonly qualifier: IntervalQualifier;
}

/** `(a - b) DAY TO SECOND`. */
export interface DateDifference extends SyntaxNode<'date-difference'> {
  readonly left: Expression;
  readonly right: Expression;
  readonly qualifier: IntervalQualifier;
}

/** A function without parentheses: `CURRENT_DATE`. */
export interface ContextValue extends SyntaxNode<'context'> {
  readonly name: string;
}

/** `NEXT VALUE FOR s`. */
export interface SequenceValue extends SyntaxNode<'sequence-value'> {
  readonly which: 'NEXT' | 'CURRENT';
  readonly sequence: QualifiedName;
}

/** `EXTRACT(unit FROM x)`. The unit is upper case. */
export interface Extract extends SyntaxNode<'extract'> {
  readonly unit: string;
  readonly operand: Expression;
}

/** `FLOOR(x TO unit)`; without TO it is a call. */
export interface Rounding extends SyntaxNode<'rounding'> {
  readonly function: 'FLOOR' | 'CEIL';
  readonly operand: Expression;
  readonly unit: string;
}

/** `TIMESTAMPADD(unit, n, t)`, `TIMESTAMPDIFF(unit, a, b)`. */
export interface TimestampArithmetic extends SyntaxNode<'timestamp-arithmetic'> {
  readonly function: 'TIMESTAMPADD' | 'TIMESTAMPDIFF';
  readonly unit: string;
  readonly first: Expression;
  readonly second: Expression;
}

export interface PositionOf extends SyntaxNode<'position'> {
  readonly needle: Expression;
  readonly haystack: Expression;
  readonly from: Expression | undefined;
}

export interface Overlay extends SyntaxNode<'overlay'> {
  readonly operand: Expression;
  readonly placing: Expression;
  readonly from: Expression;
  readonly length: Expression | undefined;
}

export interface Trim extends SyntaxNode<'trim'> {
  readonly side: 'BOTH' | 'LEADING' | 'TRAILING';
  readonly characters: Expression | undefined;
  readonly operand: Expression;
}

/** `CONVERT(x USING charset)`, `TRANSLATE(x USING charset)`. */
export interface Transcode extends SyntaxNode<'transcode'> {
  readonly function: 'CONVERT' | 'TRANSLATE';
  readonly operand: Expression;
  readonly charset: Identifier;
}

/** `RUNNING f(…)`, `FINAL f(…)` in MATCH_RECOGNIZE. */
export interface MatchSemantics extends SyntaxNode<'match-semantics'> {
  readonly semantics: 'RUNNING' | 'FINAL';
  readonly operand: Call;
}

/** A value, or a condition: what the parser makes of it, with nothing resolved. `kind` tells them apart. */
export type Expression =
  | Literal
  | ColumnReference
  | Star
  | Parameter
  | DefaultValue
  | Unary
  | Binary
  | Logical
  | Is
  | Between
  | Like
  | In
  | Quantified
  | Subquery
  | Exists
  | Case
  | Cast
  | ItemAccess
  | FieldAccess
  | RowConstructor
  | CollectionConstructor
  | Period
  | IntervalExpression
  | DateDifference
  | ContextValue
  | SequenceValue
  | Extract
  | Rounding
  | TimestampArithmetic
  | PositionOf
  | Overlay
  | Trim
  | Transcode
  | MatchSemantics
  | Call
  | Descriptor
  | JsonExpression;
