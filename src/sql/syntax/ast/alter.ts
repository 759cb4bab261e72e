/** ALTER: one node for all kinds of objects; which object knows which action, `ALTER_ACTIONS` says. */
import type { FunctionLanguage, Lifetime, RefreshMode } from './create.ts';
import type { IntervalLiteral, StringLiteral } from './literal.ts';
import type { Identifier, QualifiedName, SyntaxNode } from './node.ts';
import type { Query } from './query.ts';
import type { Distribution, Option, PartitionColumn, TableElement } from './table-definition.ts';

export type AlteredObject = 'CATALOG' | 'CONNECTION' | 'DATABASE' | 'MATERIALIZED TABLE' | 'MODEL' | 'TABLE' | 'VIEW';

export interface AddedPartition {
  readonly columns: readonly PartitionColumn[];
  readonly options: readonly Option[] | undefined;
}

export type AlterAction =
  | { readonly kind: 'rename'; readonly to: QualifiedName }
  | { readonly kind: 'rename-column'; readonly from: QualifiedName; readonly to: QualifiedName }
  | { readonly kind: 'set-options'; readonly options: readonly Option[] }
  | { readonly kind: 'reset-options'; readonly keys: readonly StringLiteral[] }
  | { readonly kind: 'comment'; readonly comment: StringLiteral }
  | { readonly kind: 'add' | 'modify'; readonly elements: readonly TableElement[] }
  | { readonly kind: 'add-distribution' | 'modify-distribution'; readonly distribution: Distribution }
  | { readonly kind: 'add-partitions'; readonly ifNotExists: boolean; readonly partitions: readonly AddedPartition[] }
  | {
      readonly kind: 'drop-partitions';
      readonly ifExists: boolean;
      readonly partitions: readonly (readonly PartitionColumn[])[];
    }
  | { readonly kind: 'drop-columns'; readonly columns: readonly QualifiedName[] }
  | { readonly kind: 'drop-constraint'; readonly name: Identifier }
  | { readonly kind: 'drop-primary-key' | 'drop-watermark' | 'drop-distribution' }
  | { readonly kind: 'as'; readonly query: Query }
  | { readonly kind: 'suspend' }
  | { readonly kind: 'resume'; readonly options: readonly Option[] | undefined }
  | { readonly kind: 'refresh'; readonly partition: readonly PartitionColumn[] }
  | { readonly kind: 'set-freshness'; readonly freshness: IntervalLiteral }
  | { readonly kind: 'set-refresh-mode'; readonly mode: RefreshMode };

export interface Alter extends SyntaxNode<'alter'> {
  readonly object: AlteredObject;
  readonly ifExists: boolean;
  readonly name: QualifiedName;
  readonly action: AlterAction;
}

export interface AlterFunction extends SyntaxNode<'alter-function'> {
  readonly lifetime: Lifetime;
  readonly ifExists: boolean;
  readonly name: QualifiedName;
  readonly implementation: StringLiteral;
  readonly language: FunctionLanguage | undefined;
}
