/** What every node of the syntax tree has. Nodes are plain data: no methods, no parents, nothing resolved. */

/** A stretch of the text: offsets are in UTF-16 units, `line` and `column` count from 1 and are those of its start. */
export interface Span {
  readonly start: number;
  /** The offset behind the last character. */
  readonly end: number;
  readonly line: number;
  readonly column: number;
}

/** A node of the syntax tree. `kind` tells the members of a union apart. */
export interface SyntaxNode<K extends string = string> {
  readonly kind: K;
  readonly span: Span;
}

/** One name, without its quotes. Names are case-sensitive, quoted or not, as in Flink. */
export interface Identifier extends SyntaxNode<'identifier'> {
  readonly name: string;
}

/** `catalog.database.table`, of one part or more. */
export interface QualifiedName extends SyntaxNode<'qualified-name'> {
  readonly parts: readonly Identifier[];
}
