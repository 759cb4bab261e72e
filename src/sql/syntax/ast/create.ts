/** CREATE and DROP. */
import type { DataType } from './data-type.ts';
import type { DateTimeLiteral, IntervalLiteral, StringLiteral } from './literal.ts';
import type { Identifier, QualifiedName, SyntaxNode } from './node.ts';
import type { Query } from './query.ts';
import type { Distribution, LikeClause, Option, TableElement } from './table-definition.ts';

/** `TEMPORARY`, `TEMPORARY SYSTEM`, or neither. */
export type Lifetime = 'TEMPORARY' | 'TEMPORARY SYSTEM' | undefined;

export interface CreateTable extends SyntaxNode<'create-table'> {
  /** REPLACE and CREATE OR REPLACE need `query`. */
  readonly mode: 'CREATE' | 'REPLACE' | 'CREATE OR REPLACE';
  readonly temporary: boolean;
  readonly ifNotExists: boolean;
  readonly name: QualifiedName;
  readonly elements: readonly TableElement[];
  readonly comment: StringLiteral | undefined;
  readonly distribution: Distribution | undefined;
  readonly partitionedBy: readonly Identifier[];
  /** USING CONNECTION; a table with `query` has none. */
  readonly connection: QualifiedName | undefined;
  /** Absent without WITH, which is not the same as `WITH ()`. */
  readonly options: readonly Option[] | undefined;
  readonly like: LikeClause | undefined;
  readonly query: Query | undefined;
}

export interface StartMode {
  readonly mode:
    | 'FROM_BEGINNING'
    | 'FROM_NOW'
    | 'FROM_TIMESTAMP'
    | 'RESUME_OR_FROM_BEGINNING'
    | 'RESUME_OR_FROM_NOW'
    | 'RESUME_OR_FROM_TIMESTAMP';
  readonly argument: IntervalLiteral | DateTimeLiteral | undefined;
}

export type RefreshMode = 'FULL' | 'CONTINUOUS';

export interface CreateMaterializedTable extends SyntaxNode<'create-materialized-table'> {
  readonly orAlter: boolean;
  readonly ifNotExists: boolean;
  readonly name: QualifiedName;
  readonly elements: readonly TableElement[];
  readonly comment: StringLiteral | undefined;
  readonly distribution: Distribution | undefined;
  readonly partitionedBy: readonly Identifier[];
  readonly options: readonly Option[] | undefined;
  readonly startMode: StartMode | undefined;
  readonly freshness: IntervalLiteral | undefined;
  readonly refreshMode: RefreshMode | undefined;
  readonly query: Query;
}

export interface CreateView extends SyntaxNode<'create-view'> {
  readonly replace: boolean;
  readonly temporary: boolean;
  readonly ifNotExists: boolean;
  readonly name: QualifiedName;
  readonly columns: readonly Identifier[];
  readonly comment: StringLiteral | undefined;
  readonly query: Query;
}

export interface CreateCatalog extends SyntaxNode<'create-catalog'> {
  readonly ifNotExists: boolean;
  readonly name: Identifier;
  readonly comment: StringLiteral | undefined;
  readonly options: readonly Option[] | undefined;
}

export interface CreateDatabase extends SyntaxNode<'create-database'> {
  readonly ifNotExists: boolean;
  readonly name: QualifiedName;
  readonly comment: StringLiteral | undefined;
  readonly options: readonly Option[] | undefined;
}

export interface CreateConnection extends SyntaxNode<'create-connection'> {
  readonly lifetime: Lifetime;
  readonly ifNotExists: boolean;
  readonly name: QualifiedName;
  readonly comment: StringLiteral | undefined;
  readonly options: readonly Option[] | undefined;
}

export type FunctionLanguage = 'JAVA' | 'SCALA' | 'SQL' | 'PYTHON' | 'TYPESCRIPT' | 'JAVASCRIPT';

/** `JAR 'path'`; MODULE is Millstream's: a module that exports the function. */
export interface FunctionResource extends SyntaxNode<'resource'> {
  readonly resource: 'JAR' | 'ARTIFACT' | 'MODULE';
  readonly path: StringLiteral;
}

export interface CreateFunction extends SyntaxNode<'create-function'> {
  readonly lifetime: Lifetime;
  readonly ifNotExists: boolean;
  readonly name: QualifiedName;
  /** The class, or the name under which a module exports the function. */
  readonly implementation: StringLiteral;
  readonly language: FunctionLanguage | undefined;
  readonly using: readonly FunctionResource[];
  readonly options: readonly Option[] | undefined;
}

export interface ModelColumn extends SyntaxNode<'model-column'> {
  readonly name: Identifier;
  readonly type: DataType;
  readonly comment: StringLiteral | undefined;
}

export interface CreateModel extends SyntaxNode<'create-model'> {
  readonly temporary: boolean;
  readonly ifNotExists: boolean;
  readonly name: QualifiedName;
  readonly input: readonly ModelColumn[];
  readonly output: readonly ModelColumn[];
  readonly comment: StringLiteral | undefined;
  readonly options: readonly Option[] | undefined;
  readonly query: Query | undefined;
}

export type DroppedObject =
  | 'CATALOG'
  | 'CONNECTION'
  | 'DATABASE'
  | 'FUNCTION'
  | 'MATERIALIZED TABLE'
  | 'MODEL'
  | 'TABLE'
  | 'VIEW';

export interface Drop extends SyntaxNode<'drop'> {
  readonly object: DroppedObject;
  readonly lifetime: Lifetime;
  readonly ifExists: boolean;
  readonly name: QualifiedName;
  readonly behavior: 'RESTRICT' | 'CASCADE' | undefined;
}
