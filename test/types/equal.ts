/** Equality of types, for tests that only the compiler runs. */

/** `true` when the types are the same, not merely assignable. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Does not compile unless the type that it is given is `true`. */
export function same<T extends boolean>(claim: T): void {
  void claim;
}
