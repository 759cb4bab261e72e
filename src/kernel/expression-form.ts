/**
 * The form of a kind of expression: how it is typed and how its code is written.
 *
 * `typeOf` is asked once, when an expression is made or a plan is compiled, and refuses what cannot be typed with
 * GRAPH_INVALID. `generate` writes code for operands that have been typed before, so it checks nothing.
 */

import { MillstreamError } from '../base/error.ts';
import { describeType, type LogicalType, type Schema } from '../data/schema.ts';
import type { Expression, ExpressionKind, ExpressionOf } from './expression.ts';
import type { Operand, ScalarCode } from './scalar-code.ts';

/** What typing needs: the columns, and the types of the operands. */
export interface TypeScope {
  readonly schema: Schema;
  typeOf(expression: Expression): LogicalType;
}

export interface ExpressionForm<Kind extends ExpressionKind> {
  typeOf(node: ExpressionOf<Kind>, scope: TypeScope): LogicalType;
  /** `type` is what `typeOf` says of the node. */
  generate(node: ExpressionOf<Kind>, type: LogicalType, code: ScalarCode): Operand;
  /** The expressions that the node is made of. */
  operands(node: ExpressionOf<Kind>): readonly Expression[];
}

/** The failure of an expression that has no type. */
export function untypable(what: string, types: readonly LogicalType[], remedy: string): MillstreamError {
  return new MillstreamError(
    'GRAPH_INVALID',
    `${what} is not defined for ${types.map(describeType).join(' and ')}. ${remedy}`,
  );
}
