/** Statements that run as jobs: INSERT, statement sets, UPDATE, DELETE, TRUNCATE; and those around them. */
import type { CreateTable } from './create.ts';
import type { Expression } from './expression.ts';
import type { StringLiteral } from './literal.ts';
import type { Identifier, QualifiedName, SyntaxNode } from './node.ts';
import type { Hint, Query } from './query.ts';
import type { PartitionColumn } from './table-definition.ts';

/** A query as a statement. */
export interface QueryStatement extends SyntaxNode<'query'> {
  readonly query: Query;
}

export interface Insert extends SyntaxNode<'insert'> {
  readonly mode: 'INSERT INTO' | 'INSERT OVERWRITE' | 'UPSERT INTO';
  readonly table: QualifiedName;
  readonly hints: readonly Hint[];
  readonly partition: readonly PartitionColumn[];
  readonly columns: readonly QualifiedName[];
  readonly query: Query;
  /** ON CONFLICT DO …. */
  readonly onConflict: 'NOTHING' | 'ERROR' | 'DEDUPLICATE' | undefined;
}

/** `STATEMENT SET BEGIN …; END`: inserts that run as one job. */
export interface StatementSet extends SyntaxNode<'statement-set'> {
  readonly inserts: readonly Insert[];
}

/** `EXECUTE …`. `BEGIN STATEMENT SET; …; END`, the older form, is an executed statement set too. */
export interface Execute extends SyntaxNode<'execute'> {
  readonly statement: QueryStatement | Insert | StatementSet;
}

export interface Assignment extends SyntaxNode<'assignment'> {
  readonly column: QualifiedName;
  readonly value: Expression;
}

export interface Update extends SyntaxNode<'update'> {
  readonly table: QualifiedName;
  readonly hints: readonly Hint[];
  readonly alias: Identifier | undefined;
  readonly assignments: readonly Assignment[];
  readonly where: Expression | undefined;
}

export interface Delete extends SyntaxNode<'delete'> {
  readonly table: QualifiedName;
  readonly hints: readonly Hint[];
  readonly alias: Identifier | undefined;
  readonly where: Expression | undefined;
}

export interface Truncate extends SyntaxNode<'truncate'> {
  readonly table: QualifiedName;
}

export type ExplainDetail = 'ESTIMATED_COST' | 'CHANGELOG_MODE' | 'PLAN_ADVICE' | 'JSON_EXECUTION_PLAN';

export interface Explain extends SyntaxNode<'explain'> {
  readonly details: readonly ExplainDetail[];
  readonly statement: QueryStatement | Insert | StatementSet | Execute | CreateTable;
}

export interface CompilePlan extends SyntaxNode<'compile-plan'> {
  readonly execute: boolean;
  readonly path: StringLiteral;
  readonly ifNotExists: boolean;
  readonly statement: Insert | StatementSet;
}

export interface ExecutePlan extends SyntaxNode<'execute-plan'> {
  readonly path: StringLiteral;
}
