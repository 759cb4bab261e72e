/**
 * The seam of generated code: what an operator uses to write its element path into the function of its chain.
 *
 * An inline operator writes statements over the expressions `value`, `timestamp` and `kind`, and ends with exactly
 * one `emit`, which may stand inside a block: the rest of the chain is written in its place.
 *
 * @example
 * ```ts
 * const filter = <T>(keep: (value: T) => boolean): OperatorDefinition => ({
 *   kind: 'filter',
 *   input: 'records',
 *   output: 'records',
 *   inline: (code) => {
 *     code.line(`if (${code.bind(keep)}(${code.value})) {`);
 *     code.emit(code.value);
 *     code.line('}');
 *   },
 * });
 * ```
 */
export interface InlineCode {
  /** Expressions for the input: plain identifiers, so they may be used more than once. */
  readonly value: string;
  readonly timestamp: string;
  readonly kind: string;
  /** Identifier of this operator's own instance, where its definition has `create`. */
  readonly self: string;
  /** Makes a function or object of the job reachable from the text; returns its identifier. */
  bind(thing: unknown): string;
  /** An identifier that nothing else in the text uses. */
  fresh(hint: string): string;
  /** Appends a statement, or the head or end of a block. */
  line(text: string): void;
  /** Writes the rest of the chain for this output. Once. The value should be an identifier: it is used repeatedly. */
  emit(value: string, timestamp?: string, kind?: string): void;
}
