/** SHOW, DESCRIBE, USE, SET and what else speaks to the session. */
import type { Call } from './call.ts';
import type { StringLiteral } from './literal.ts';
import type { Identifier, QualifiedName, SyntaxNode } from './node.ts';
import type { Option, PartitionColumn } from './table-definition.ts';

export type ShownList =
  | 'CATALOGS'
  | 'COLUMNS'
  | 'CONNECTIONS'
  | 'CURRENT CATALOG'
  | 'CURRENT DATABASE'
  | 'DATABASES'
  | 'FULL MODULES'
  | 'FUNCTIONS'
  | 'JARS'
  | 'JOBS'
  | 'MATERIALIZED TABLES'
  | 'MODELS'
  | 'MODULES'
  | 'PROCEDURES'
  | 'TABLES'
  | 'USER FUNCTIONS'
  | 'VIEWS';

export interface ShowFilter {
  readonly operator: 'LIKE' | 'ILIKE';
  readonly negated: boolean;
  readonly pattern: StringLiteral;
}

export interface Show extends SyntaxNode<'show'> {
  readonly list: ShownList;
  /** Behind FROM or IN. */
  readonly from: QualifiedName | undefined;
  readonly filter: ShowFilter | undefined;
}

export type ShownObject =
  | 'CATALOG'
  | 'CONNECTION'
  | 'MATERIALIZED TABLE'
  | 'MODEL'
  | 'OR ALTER MATERIALIZED TABLE'
  | 'TABLE'
  | 'VIEW';

export interface ShowCreate extends SyntaxNode<'show-create'> {
  readonly object: ShownObject;
  readonly name: QualifiedName;
}

export interface ShowPartitions extends SyntaxNode<'show-partitions'> {
  readonly table: QualifiedName;
  readonly partition: readonly PartitionColumn[];
}

export interface Describe extends SyntaxNode<'describe'> {
  readonly object: 'TABLE' | 'CATALOG' | 'CONNECTION' | 'DATABASE' | 'FUNCTION' | 'MODEL';
  readonly extended: boolean;
  readonly name: QualifiedName;
}

export interface DescribeJob extends SyntaxNode<'describe-job'> {
  readonly job: StringLiteral;
}

export interface UseCatalog extends SyntaxNode<'use-catalog'> {
  readonly catalog: Identifier;
}

export interface UseDatabase extends SyntaxNode<'use-database'> {
  readonly database: QualifiedName;
}

export interface UseModules extends SyntaxNode<'use-modules'> {
  readonly modules: readonly Identifier[];
}

export interface LoadModule extends SyntaxNode<'load-module'> {
  readonly module: Identifier;
  readonly options: readonly Option[] | undefined;
}

export interface UnloadModule extends SyntaxNode<'unload-module'> {
  readonly module: Identifier;
}

export interface AnalyzeTable extends SyntaxNode<'analyze-table'> {
  readonly table: QualifiedName;
  readonly partition: readonly PartitionColumn[];
  /** Behind FOR COLUMNS; `'ALL'` for FOR ALL COLUMNS. */
  readonly columns: readonly Identifier[] | 'ALL' | undefined;
}

export interface CallProcedure extends SyntaxNode<'call-procedure'> {
  readonly call: Call;
}

/** ADD JAR, REMOVE JAR. */
export interface JarStatement extends SyntaxNode<'jar'> {
  readonly action: 'ADD' | 'REMOVE';
  readonly path: StringLiteral;
}

export interface StopJob extends SyntaxNode<'stop-job'> {
  readonly job: StringLiteral;
  readonly savepoint: boolean;
  /** Only with a savepoint. */
  readonly drain: boolean;
}

/** SET alone lists all; `SET 'key'` is not SQL. */
export interface SetOption extends SyntaxNode<'set'> {
  readonly option: Option | undefined;
}

export interface ResetOption extends SyntaxNode<'reset'> {
  readonly key: StringLiteral | undefined;
}

/** What only the interactive shell knows. */
export interface ShellCommand extends SyntaxNode<'shell'> {
  readonly command: 'HELP' | 'QUIT' | 'EXIT' | 'CLEAR' | 'HISTORY';
}
