/** What stands in CREATE TABLE and its relatives: columns, constraints, watermarks, options, distribution. */
import type { DataType } from './data-type.ts';
import type { Expression } from './expression.ts';
import type { Literal, StringLiteral } from './literal.ts';
import type { Identifier, QualifiedName, SyntaxNode } from './node.ts';

/** `'key' = 'value'`. */
export interface Option extends SyntaxNode<'option'> {
  readonly key: StringLiteral;
  readonly value: StringLiteral;
}

/** `column = value` in PARTITION (…); ANALYZE TABLE may leave out the value. */
export interface PartitionColumn extends SyntaxNode<'partition-column'> {
  readonly column: Identifier;
  readonly value: Literal | undefined;
}

export interface Constraint extends SyntaxNode<'constraint'> {
  readonly name: Identifier | undefined;
  readonly constraint: 'PRIMARY KEY' | 'UNIQUE';
  /** Empty where the constraint stands behind its column. */
  readonly columns: readonly Identifier[];
  readonly enforced: boolean | undefined;
}

/** `FIRST` or `AFTER column`, in ALTER TABLE. */
export type ColumnPosition = { readonly kind: 'first' } | { readonly kind: 'after'; readonly column: QualifiedName };

interface ColumnNode<K extends string> extends SyntaxNode<K> {
  /** Of one part; more where ALTER TABLE means a field of a row. */
  readonly name: QualifiedName;
  readonly comment: StringLiteral | undefined;
  readonly position: ColumnPosition | undefined;
}

export interface PhysicalColumn extends ColumnNode<'physical-column'> {
  readonly type: DataType;
  readonly constraint: Constraint | undefined;
}

export interface MetadataColumn extends ColumnNode<'metadata-column'> {
  readonly type: DataType;
  readonly from: StringLiteral | undefined;
  readonly virtual: boolean;
}

export interface ComputedColumn extends ColumnNode<'computed-column'> {
  readonly expression: Expression;
}

/** A name alone: the columns of CREATE TABLE … AS and of materialized tables, put into this order. */
export interface ColumnName extends SyntaxNode<'column-name'> {
  readonly name: Identifier;
}

export interface Watermark extends SyntaxNode<'watermark'> {
  readonly column: QualifiedName;
  readonly strategy: Expression;
}

export type TableElement = PhysicalColumn | MetadataColumn | ComputedColumn | ColumnName | Constraint | Watermark;

/** `DISTRIBUTED BY HASH (a) INTO 4 BUCKETS`. Without columns, the buckets alone. */
export interface Distribution extends SyntaxNode<'distribution'> {
  readonly method: 'HASH' | 'RANGE' | undefined;
  readonly columns: readonly Identifier[];
  readonly buckets: number | undefined;
}

export interface LikeOption {
  readonly strategy: 'INCLUDING' | 'EXCLUDING' | 'OVERWRITING';
  readonly feature:
    | 'ALL'
    | 'CONSTRAINTS'
    | 'DISTRIBUTION'
    | 'GENERATED'
    | 'METADATA'
    | 'OPTIONS'
    | 'PARTITIONS'
    | 'WATERMARKS';
}

export interface LikeClause extends SyntaxNode<'like-clause'> {
  readonly table: QualifiedName;
  readonly options: readonly LikeOption[];
}
