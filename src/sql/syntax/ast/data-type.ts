/** Data types as written in CAST and in column definitions. Synonyms are folded: INTEGER is INT, NUMERIC is DECIMAL. */
import type { IntervalQualifier, StringLiteral } from './literal.ts';
import type { Identifier, QualifiedName, SyntaxNode } from './node.ts';

export type BasicTypeName =
  | 'BOOLEAN'
  | 'TINYINT'
  | 'SMALLINT'
  | 'INT'
  | 'BIGINT'
  | 'FLOAT'
  | 'REAL'
  | 'DOUBLE'
  | 'DECIMAL'
  | 'CHAR'
  | 'VARCHAR'
  | 'STRING'
  | 'BINARY'
  | 'VARBINARY'
  | 'BYTES'
  | 'DATE'
  | 'TIME'
  | 'TIME WITH TIME ZONE'
  | 'TIME WITH LOCAL TIME ZONE'
  | 'TIMESTAMP'
  | 'TIMESTAMP WITH TIME ZONE'
  | 'TIMESTAMP_LTZ'
  | 'VARIANT'
  | 'BITMAP';

interface TypeNode<K extends string> extends SyntaxNode<K> {
  /** Whether NOT NULL follows. Types without it, or with NULL, are nullable. */
  readonly notNull: boolean;
}

/** `DECIMAL(10, 2)`: a name and the numbers in parentheses. */
export interface BasicType extends TypeNode<'basic-type'> {
  readonly name: BasicTypeName;
  readonly parameters: readonly number[];
}

export interface IntervalType extends TypeNode<'interval-type'> {
  readonly qualifier: IntervalQualifier;
}

/** `ARRAY<t>` or `t ARRAY`, `MULTISET<t>` or `t MULTISET`. */
export interface CollectionType extends TypeNode<'collection-type'> {
  readonly collection: 'ARRAY' | 'MULTISET';
  readonly element: DataType;
}

export interface MapType extends TypeNode<'map-type'> {
  readonly key: DataType;
  readonly value: DataType;
}

export interface FieldDefinition extends SyntaxNode<'field'> {
  readonly name: Identifier;
  readonly type: DataType;
  readonly comment: StringLiteral | undefined;
}

/** `ROW<a INT, b STRING 'comment'>` or with parentheses. */
export interface RowType extends TypeNode<'row-type'> {
  readonly fields: readonly FieldDefinition[];
}

/** `STRUCTURED<'class', a INT>`. */
export interface StructuredType extends TypeNode<'structured-type'> {
  readonly className: StringLiteral;
  readonly fields: readonly FieldDefinition[];
}

/** `RAW('class', 'serializer snapshot')`. */
export interface RawType extends TypeNode<'raw-type'> {
  readonly className: StringLiteral;
  readonly serializer: StringLiteral;
}

/** A type of the user's, by name. */
export interface NamedType extends TypeNode<'named-type'> {
  readonly name: QualifiedName;
}

export type DataType =
  | BasicType
  | IntervalType
  | CollectionType
  | MapType
  | RowType
  | StructuredType
  | RawType
  | NamedType;
