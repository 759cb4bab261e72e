/** The JSON functions, whose clauses are keywords. */
import type { DataType } from './data-type.ts';
import type { Expression } from './expression.ts';
import type { Identifier, SyntaxNode } from './node.ts';
import type { SortItem } from './query.ts';

/** `PASSING x AS name`. */
export interface JsonPassing {
  readonly value: Expression;
  readonly name: Identifier;
}

interface JsonPathCall<K extends string> extends SyntaxNode<K> {
  readonly input: Expression;
  readonly path: Expression;
  readonly passing: readonly JsonPassing[];
}

export interface JsonExists extends JsonPathCall<'json-exists'> {
  readonly onError: 'TRUE' | 'FALSE' | 'UNKNOWN' | 'ERROR' | undefined;
}

export type JsonValueBehavior =
  | { readonly kind: 'null' }
  | { readonly kind: 'error' }
  | { readonly kind: 'default'; readonly value: Expression };

export interface JsonValue extends JsonPathCall<'json-value'> {
  readonly returning: DataType | undefined;
  readonly onEmpty: JsonValueBehavior | undefined;
  readonly onError: JsonValueBehavior | undefined;
}

export type JsonWrapper = 'WITHOUT ARRAY' | 'WITH CONDITIONAL ARRAY' | 'WITH UNCONDITIONAL ARRAY';
export type JsonQueryBehavior = 'NULL' | 'ERROR' | 'EMPTY ARRAY' | 'EMPTY OBJECT';

export interface JsonQuery extends JsonPathCall<'json-query'> {
  readonly returning: DataType | undefined;
  readonly wrapper: JsonWrapper | undefined;
  readonly onEmpty: JsonQueryBehavior | undefined;
  readonly onError: JsonQueryBehavior | undefined;
}

export interface JsonEntry {
  readonly key: Expression;
  readonly value: Expression;
}

/** What becomes of NULL: `NULL ON NULL` or `ABSENT ON NULL`. */
export type JsonNulls = 'NULL' | 'ABSENT';

export interface JsonObject extends SyntaxNode<'json-object'> {
  readonly entries: readonly JsonEntry[];
  readonly nulls: JsonNulls | undefined;
}

export interface JsonArray extends SyntaxNode<'json-array'> {
  readonly elements: readonly Expression[];
  readonly nulls: JsonNulls | undefined;
}

export interface JsonObjectAggregate extends SyntaxNode<'json-objectagg'> {
  readonly entry: JsonEntry;
  readonly nulls: JsonNulls | undefined;
}

export interface JsonArrayAggregate extends SyntaxNode<'json-arrayagg'> {
  readonly element: Expression;
  readonly orderBy: readonly SortItem[];
  readonly nulls: JsonNulls | undefined;
}

export type JsonExpression =
  | JsonExists
  | JsonValue
  | JsonQuery
  | JsonObject
  | JsonArray
  | JsonObjectAggregate
  | JsonArrayAggregate;
