/**
 * A function of SQL that is a plain function of its operands' values, and what its code needs to know of a call.
 *
 * Functions are entered by name in the table of their family (`functions/`), and `forms/call.ts` writes their calls.
 * They are pure: the same operands give the same result, for good.
 */

import { type LogicalType, LogicalType as Types, storageOf } from '../data/schema.ts';
import type { LiteralValue } from './expression.ts';
import type { Operand, ScalarCode } from './scalar-code.ts';

/** What is known of a call when it is typed, and again when its code is written. */
export interface CallSite {
  readonly types: readonly LogicalType[];
  /** The values of operands that are literals, by place; undefined for every other operand. */
  readonly literals: readonly (LiteralValue | undefined)[];
}

/**
 * What computes the value of a row. It gets what `Operand.text` says; of 64-bit integers and decimals it may be given
 * numbers or bigints and may return either.
 */
export type Implementation = (...values: never[]) => unknown;

export interface ScalarFunction {
  /** The type of the result, NULL aside; undefined where the operands do not fit. */
  typeOf(site: CallSite): LogicalType | undefined;
  /** Made once per kernel, so that what follows from literals is computed once. */
  implement(site: CallSite): Implementation;
  /** Writes the value in another way where the operands allow it. */
  write?(operands: readonly Operand[], site: CallSite, code: ScalarCode): string | undefined;
  /** The result may be NULL though no operand is; the implementation says undefined then. */
  readonly partial: boolean;
  /** The implementation gets null for operands that are NULL; otherwise one of them makes the result NULL. */
  readonly takesNull: boolean;
}

/** Whether an operand fits a parameter. */
export type Parameter = (type: LogicalType) => boolean;

export const TEXT: Parameter = (type) => storageOf(type) === 'utf8';
export const BYTES: Parameter = (type) => storageOf(type) === 'bytes';
export const INT: Parameter = (type) => type.kind === 'tinyint' || type.kind === 'smallint' || type.kind === 'int';
export const INTEGER: Parameter = (type) => INT(type) || type.kind === 'bigint';

export const STRING = Types.string();

interface Options {
  /** Parameters that may be left out. */
  readonly optional?: readonly Parameter[];
  readonly partial?: boolean;
  readonly takesNull?: boolean;
  readonly write?: ScalarFunction['write'];
}

/** A function of certain parameters. The type of the result may depend on the operands. */
export function scalarFunction(
  parameters: readonly Parameter[],
  result: LogicalType | ((site: CallSite) => LogicalType | undefined),
  implement: (site: CallSite) => Implementation,
  { optional = [], partial = false, takesNull = false, write }: Options = {},
): ScalarFunction {
  const all = [...parameters, ...optional];
  return {
    typeOf: (site) => {
      const { types } = site;
      if (types.length < parameters.length || types.length > all.length) return undefined;
      if (!types.every((type, place) => type.kind === 'null' || (all[place] as Parameter)(type))) return undefined;
      return typeof result === 'function' ? result(site) : result;
    },
    implement,
    partial,
    takesNull,
    ...(write === undefined ? {} : { write }),
  };
}

/** The text of a literal operand; undefined where it is none. */
export function literalText({ literals }: CallSite, place: number): string | undefined {
  const value = literals[place];
  return typeof value === 'string' ? value : undefined;
}
