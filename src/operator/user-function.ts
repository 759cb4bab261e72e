/**
 * Functions of the user as an operator receives them: lambdas, objects or classes.
 *
 * The same definition makes the instances of all subtasks and of all attempts, so an object that the user gave is a
 * pattern: {@link instantiate} makes a copy of it for each instance. Own fields that hold data are copied deeply, so that
 * no two subtasks share a map; functions, instances of classes and state declarations are taken as they are.
 */

import { MillstreamError } from '../base/error.ts';
import type { AnyStateDescriptor } from '../state/descriptor.ts';
import type { OrClass, StateDeclarations } from './functions.ts';

/** Async functions and async generators, whose calls return promises whatever they do. */
const ASYNC_KINDS: readonly string[] = ['AsyncFunction', 'AsyncGeneratorFunction'];

/** Whether calling the function can only give a promise. */
export function isAsyncFunction(f: unknown): boolean {
  return typeof f === 'function' && ASYNC_KINDS.includes(f.constructor.name);
}

/** Whether this is a class, which must be constructed, and not a plain function. */
export function isClass(f: unknown): f is new () => object {
  return typeof f === 'function' && /^class\b/.test(Function.prototype.toString.call(f));
}

/** A private field, as it stands in the text of a class. */
const PRIVATE_FIELD = /(?<![\w$'"`/])#[A-Za-z_$]/;

/**
 * Checks a function while the graph is built: it must be there, and neither it nor any of its methods may be async,
 * unless `mayBeAsync`.
 *
 * @throws GRAPH_INVALID when it is no function, object or class, or an instance that cannot be copied;
 * USER_CODE_ASYNC when it is async.
 */
export function checkFunction(
  given: unknown,
  operator: string,
  methods: readonly string[],
  lambdas: boolean,
  mayBeAsync = false,
): void {
  if (typeof given === 'function' && !isClass(given)) {
    if (!lambdas)
      throw invalid(
        operator,
        `needs an object or a class with ${methods.map((name) => `${name}()`).join(' and ')}, not a plain function`,
      );
    if (!mayBeAsync && isAsyncFunction(given)) throw asyncFunction(operator, 'The function');
    return;
  }
  if (typeof given !== 'function' && (typeof given !== 'object' || given === null)) {
    throw invalid(
      operator,
      `was given ${given === null ? 'null' : `a value of type ${typeof given}`} where a function belongs`,
    );
  }
  const owner: object = isClass(given) ? (given.prototype as object) : given;
  for (const name of methods) {
    const method: unknown = Reflect.get(owner, name);
    if (typeof method === 'function') {
      if (!mayBeAsync && isAsyncFunction(method)) throw asyncFunction(operator, `${name}()`);
    } else if (!isClass(given)) {
      // A class may still define the method as a field of its instances.
      throw invalid(operator, `was given an object without the method ${name}()`);
    }
  }
  if (!isClass(given)) checkCopyable(given, operator);
}

function checkCopyable(given: object, operator: string): void {
  for (
    let prototype: unknown = Object.getPrototypeOf(given);
    typeof prototype === 'object' && prototype !== null;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    const type: unknown = (prototype as { readonly constructor?: unknown }).constructor;
    if (!isClass(type) || !PRIVATE_FIELD.test(Function.prototype.toString.call(type))) continue;
    throw invalid(
      operator,
      `was given an instance of ${type.name}, whose #private fields cannot be copied for each subtask. Give the class itself: ${type.name} instead of new ${type.name}()`,
    );
  }
}

function invalid(operator: string, what: string): MillstreamError {
  return new MillstreamError('GRAPH_INVALID', `The operator "${operator}" ${what}.`, { details: { operator } });
}

function asyncFunction(operator: string, what: string): MillstreamError {
  return new MillstreamError(
    'USER_CODE_ASYNC',
    `${what} given to the operator "${operator}" is async, and its promises would become the records. Use asyncMap() or asyncFlatMap(), which wait for them.`,
    {
      details: { operator },
    },
  );
}

/** The error for a function that returned a promise while the job runs. */
export function promiseReturned(method: string): MillstreamError {
  return new MillstreamError(
    'USER_CODE_ASYNC',
    `The function given to ${method} returned a promise, which would become the record. Use asyncMap() or asyncFlatMap(), which wait for it.`,
  );
}

/** Throws {@link promiseReturned}: what generated code calls. */
export function refusePromise(method: string): never {
  throw promiseReturned(method);
}

/** Whether a function was given as a lambda. */
export function isLambda<L extends (...args: never[]) => unknown, F extends object>(given: L | OrClass<F>): given is L {
  return typeof given === 'function' && !isClass(given);
}

/** What a function object or class declares as its `state`. */
export function declaredStates(given: OrClass<{ readonly state?: StateDeclarations }>): readonly AnyStateDescriptor[] {
  return Object.values((isClass(given) ? instantiate(given) : given).state ?? {});
}

/** Declarations are frozen data. */
const STATE = 'state';

/** An instance of its own: made by the class, or copied from the object. */
export function instantiate<F extends object>(given: OrClass<F>): F {
  if (typeof given === 'function' && isClass(given)) return new given();
  const pattern = given;
  const copy = Object.create(Object.getPrototypeOf(pattern) as object | null) as F;
  for (const name of Reflect.ownKeys(pattern)) {
    const property = Object.getOwnPropertyDescriptor(pattern, name) as PropertyDescriptor;
    if ('value' in property && name !== STATE) property.value = copyOf(property.value);
    Object.defineProperty(copy, name, {
      ...property,
      ...('value' in property ? { writable: true } : {}),
      configurable: true,
    });
  }
  return copy;
}

/** Data is copied; what cannot be, or would lose its class, is shared. */
function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !isPlainData(value)) return value;
  try {
    return structuredClone(value);
  } catch {
    return value;
  }
}

const CLONED: readonly object[] = [Object.prototype, Array.prototype, Map.prototype, Set.prototype, Date.prototype];

function isPlainData(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || CLONED.includes(prototype as object) || ArrayBuffer.isView(value);
}
