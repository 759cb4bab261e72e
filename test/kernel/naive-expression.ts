/**
 * The reference: expressions evaluated on one row, the obvious way. 64-bit integers are bigints throughout, NULL is
 * null, and whatever fails throws.
 */
import { LogicalType } from '../../src/data/schema.ts';
import type { Expression } from '../../src/kernel/expression.ts';
import type { ExpressionTypes } from '../../src/kernel/forms.ts';

export type Value = number | bigint | string | boolean | null;

export class NaiveFailure extends Error {}

export class NaiveExpressions {
  readonly #types: ExpressionTypes;

  constructor(types: ExpressionTypes) {
    this.#types = types;
  }

  evaluate(node: Expression, row: readonly Value[]): Value {
    const type = this.#types.typeOf(node);
    switch (node.kind) {
      case 'column':
        return row[node.index] as Value;
      case 'literal':
        return type.kind === 'bigint' && node.value !== null ? BigInt(node.value as number) : node.value;
      case 'arithmetic': {
        const a = this.evaluate(node.left, row);
        const b = this.evaluate(node.right, row);
        return a === null || b === null ? null : arithmetic(node.operator, promote(a, type), promote(b, type), type);
      }
      case 'negate': {
        const a = this.evaluate(node.input, row);
        if (a === null) return null;
        return type.kind === 'double' || type.kind === 'float' ? -(a as number) : wrap(-BigInt(a as number), type);
      }
      case 'abs': {
        const a = this.evaluate(node.input, row);
        if (a === null) return null;
        return type.kind === 'double' || type.kind === 'float'
          ? Math.abs(a as number)
          : wrap(BigInt(a as number) < 0n ? -BigInt(a as number) : BigInt(a as number), type);
      }
      case 'comparison': {
        const a = this.evaluate(node.left, row);
        const b = this.evaluate(node.right, row);
        if (a === null || b === null) return null;
        return compare(node.operator, ...this.#comparable(node.left, node.right, a, b));
      }
      case 'same-as': {
        const a = this.evaluate(node.left, row);
        const b = this.evaluate(node.right, row);
        if (a === null || b === null) return a === b;
        return compare('=', ...this.#comparable(node.left, node.right, a, b));
      }
      case 'logic': {
        const decides = node.operator === 'or';
        let unknown = false;
        for (const operand of node.operands) {
          const value = this.evaluate(operand, row);
          if (value === decides) return decides;
          if (value === null) unknown = true;
        }
        return unknown ? null : !decides;
      }
      case 'not': {
        const a = this.evaluate(node.input, row);
        return a === null ? null : !(a as boolean);
      }
      case 'is-null':
        return this.evaluate(node.input, row) === null;
      case 'case': {
        for (const { when, then } of node.branches)
          if (this.evaluate(when, row) === true) return promote(this.evaluate(then, row), type);
        return promote(this.evaluate(node.otherwise, row), type);
      }
      case 'coalesce': {
        for (const operand of node.operands) {
          const value = this.evaluate(operand, row);
          if (value !== null) return promote(value, type);
        }
        return null;
      }
      case 'cast': {
        const a = this.evaluate(node.input, row);
        return a === null ? null : cast(a, this.#types.typeOf(node.input), type, node.onFailure === 'null');
      }
      case 'text': {
        const a = this.evaluate(node.input, row) as string | null;
        if (a === null) return null;
        return node.function === 'char-length'
          ? [...a].length
          : node.function === 'lower'
            ? a.toLowerCase()
            : a.toUpperCase();
      }
      case 'concat': {
        const parts = node.operands.map((operand) => this.evaluate(operand, row));
        return parts.includes(null) ? null : parts.join('');
      }
      case 'is-true':
        return this.evaluate(node.input, row) === node.truth;
      case 'in': {
        const a = this.evaluate(node.input, row);
        if (a === null) return null;
        const found = node.values.some(
          (value) => value !== null && promote(value, this.#types.typeOf(node.input)) === a,
        );
        return found ? true : node.values.includes(null) ? null : false;
      }
      case 'extreme': {
        const values = node.operands.map((operand) => promote(this.evaluate(operand, row), type));
        if (values.includes(null)) return null;
        const before = node.which === 'least' ? '<' : '>';
        return values.reduce((best, value) => (compare(before, value, best) ? value : best));
      }
      case 'call': {
        const [a] = node.operands.map((operand) => this.evaluate(operand, row));
        if (node.function !== 'REVERSE') throw new Error(`${node.function} has tests of its own`);
        return a === null ? null : [...(a as string)].toReversed().join('');
      }
    }
  }

  #comparable(left: Expression, right: Expression, a: Value, b: Value): [Value, Value] {
    const kinds = [this.#types.typeOf(left).kind, this.#types.typeOf(right).kind];
    if (kinds.includes('double')) return [promote(a, LogicalType.double()), promote(b, LogicalType.double())];
    if (kinds.includes('float')) return [promote(a, LogicalType.float()), promote(b, LogicalType.float())];
    if (kinds.includes('bigint')) return [BigInt(a as number), BigInt(b as number)];
    return [a, b];
  }
}

function promote(value: Value, type: LogicalType): Value {
  if (value === null) return null;
  if (type.kind === 'bigint') return BigInt(value as number);
  if (type.kind === 'double') return Number(value);
  if (type.kind === 'float') return Math.fround(Number(value));
  return value;
}

/** An integer of the type's width. */
function wrap(value: bigint, type: LogicalType): Value {
  switch (type.kind) {
    case 'tinyint':
      return Number(BigInt.asIntN(8, value));
    case 'smallint':
      return Number(BigInt.asIntN(16, value));
    case 'int':
      return Number(BigInt.asIntN(32, value));
    default:
      return BigInt.asIntN(64, value);
  }
}

function arithmetic(operator: string, a: Value, b: Value, type: LogicalType): Value {
  if (type.kind === 'double' || type.kind === 'float') {
    const x = a as number;
    const y = b as number;
    const result =
      operator === '+' ? x + y : operator === '-' ? x - y : operator === '*' ? x * y : operator === '/' ? x / y : x % y;
    return type.kind === 'float' ? Math.fround(result) : result;
  }
  const x = BigInt(a as number);
  const y = BigInt(b as number);
  if ((operator === '/' || operator === '%') && y === 0n) throw new NaiveFailure('division by zero');
  return wrap(
    operator === '+' ? x + y : operator === '-' ? x - y : operator === '*' ? x * y : operator === '/' ? x / y : x % y,
    type,
  );
}

function compare(operator: string, a: Value, b: Value): boolean {
  if (typeof a === 'string') {
    const order = Buffer.compare(Buffer.from(a), Buffer.from(b as string));
    return compare(operator, order, 0);
  }
  const x = a as number;
  const y = b as number;
  switch (operator) {
    case '=':
      return x === y;
    case '<>':
      return x !== y;
    case '<':
      return x < y;
    case '<=':
      return x <= y;
    case '>':
      return x > y;
    default:
      return x >= y;
  }
}

const BOUNDS: Readonly<Record<string, readonly [bigint, bigint]>> = {
  tinyint: [-128n, 127n],
  smallint: [-32_768n, 32_767n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  bigint: [-(2n ** 63n), 2n ** 63n - 1n],
};

function cast(value: Exclude<Value, null>, from: LogicalType, to: LogicalType, orNull: boolean): Value {
  if (typeof value === 'string') {
    if (to.kind === 'varchar') return value;
    const parsed = parse(value.trim(), to);
    if (parsed !== undefined) return parsed;
    if (orNull) return null;
    throw new NaiveFailure('cast');
  }
  if (to.kind === 'varchar') {
    if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
    if (from.kind === 'double' || from.kind === 'float') throw new Error('tested on its own');
    return String(value);
  }
  if (to.kind === 'boolean') return typeof value === 'boolean' ? value : Number(value) !== 0;
  if (typeof value === 'boolean') return promote(value ? 1 : 0, to);
  if (to.kind === 'double' || to.kind === 'float') return promote(value, to);
  if (from.kind !== 'double' && from.kind !== 'float') return wrap(BigInt(value), to);
  const number = value as number;
  const range = to.kind === 'bigint' ? 'bigint' : 'int';
  const [least, most] = BOUNDS[range] as readonly [bigint, bigint];
  if (number !== number) return wrap(0n, to);
  if (number >= Number(most)) return wrap(most, to);
  if (number <= Number(least)) return wrap(least, to);
  return wrap(BigInt(Math.trunc(number)), to);
}

function parse(text: string, to: LogicalType): Value | undefined {
  if (to.kind === 'boolean') {
    const lower = text.toLowerCase();
    return ['true', 't', 'yes', 'y', '1'].includes(lower)
      ? true
      : ['false', 'f', 'no', 'n', '0'].includes(lower)
        ? false
        : undefined;
  }
  if (to.kind === 'double') return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
  if (!/^[+-]?\d+(\.\d*)?$/.test(text)) return undefined;
  const value = BigInt((text.split('.')[0] as string).replace('+', ''));
  const [least, most] = BOUNDS[to.kind] as readonly [bigint, bigint];
  return value < least || value > most ? undefined : wrap(value, to);
}
