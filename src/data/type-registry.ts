/**
 * Which classes may cross an edge or enter a snapshot, under which name.
 *
 * Bytes carry fields, not classes: whoever reads them must know by which class to make the object again. A class is
 * registered once, in the job module, so that every worker knows it; the name is what the bytes hold and must stay
 * the same when the class is renamed or moved.
 */

import { deserializeError, MillstreamError, serializeError, type SerializedError } from '../base/error.ts';

/** A class, seen as what tells its instances. */
export interface InstanceClass<T extends object> {
  readonly name: string;
  readonly prototype: T;
}

/**
 * How instances become plain values and come back. `encode` returns any value that survives (see
 * docs/internals/values.md); `decode` gets that value and returns an instance equal to the encoded one.
 */
export interface InstanceCodec<T extends object> {
  encode(value: T): unknown;
  decode(data: unknown): T;
}

/** What is known about a registered class. Without a codec, own enumerable fields are copied and the prototype is restored. */
export interface RegisteredType {
  readonly name: string;
  readonly prototype: object;
  readonly codec: InstanceCodec<object> | undefined;
}

/**
 * The classes of one job.
 *
 * @example
 * ```ts
 * const types = new TypeRegistry();
 * class Point { x = 0; y = 0; length(): number { return Math.hypot(this.x, this.y); } }
 * types.register('Point', Point);
 * types.register('URL', URL, { encode: (url) => url.href, decode: (href) => new URL(String(href)) });
 * ```
 */
export class TypeRegistry {
  readonly #byPrototype = new Map<object, RegisteredType>();
  readonly #byName = new Map<string, RegisteredType>();

  constructor() {
    this.register('millstream.Error', MillstreamError, {
      encode: (error) => serializeError(error),
      decode: (data) => deserializeError(data as SerializedError) as MillstreamError,
    });
  }

  /**
   * Registers a class. Without `codec`, the own enumerable fields of an instance are copied and its prototype is
   * restored; the constructor does not run. Private `#fields` are invisible to that copy: a class that has them
   * needs a codec. Subclasses are registered for themselves.
   *
   * Registering the same class under the same name again is allowed and replaces the codec.
   *
   * @throws OPTION_INVALID when the name is empty or belongs to another class, or the class has another name.
   */
  register<T extends object>(name: string, type: InstanceClass<T>, codec?: InstanceCodec<T>): void {
    if (name === '')
      throw new MillstreamError(
        'OPTION_INVALID',
        `The class ${type.name} was registered under an empty name. Choose a name that will outlive renaming the class.`,
      );
    const byName = this.#byName.get(name);
    if (byName !== undefined && byName.prototype !== type.prototype) {
      throw new MillstreamError(
        'OPTION_INVALID',
        `The type name "${name}" is already taken by the class ${className(byName.prototype)}; ${type.name} needs another one.`,
      );
    }
    const byPrototype = this.#byPrototype.get(type.prototype);
    if (byPrototype !== undefined && byPrototype.name !== name) {
      throw new MillstreamError(
        'OPTION_INVALID',
        `The class ${type.name} is already registered as "${byPrototype.name}"; it cannot be "${name}" too.`,
      );
    }
    const registered: RegisteredType = { name, prototype: type.prototype, codec };
    this.#byName.set(name, registered);
    this.#byPrototype.set(type.prototype, registered);
  }

  /** The registration of exactly this prototype, not of one further up its chain. */
  forPrototype(prototype: object): RegisteredType | undefined {
    return this.#byPrototype.get(prototype);
  }

  /** @throws VALUE_UNSUPPORTED when the bytes name a class that this job has not registered. */
  forName(name: string): RegisteredType {
    const registered = this.#byName.get(name);
    if (registered !== undefined) return registered;
    throw new MillstreamError(
      'VALUE_UNSUPPORTED',
      `The bytes hold an instance of the type "${name}", which is not registered here. Register its class in the job module, so that every worker knows it.`,
    );
  }
}

/** The name of the class with this prototype, for messages. */
export function className(prototype: object): string {
  const type: unknown = (prototype as { readonly constructor?: unknown }).constructor;
  return typeof type === 'function' && type.name !== '' ? type.name : 'an unnamed class';
}
