/** Tokens: what the lexer makes of the text, each with its place. */
import type { ErrorCode } from '../../base/error.ts';
import type { Span } from './ast/node.ts';

/** Why no token could be made of a piece of text. It is reported when the parser gets there, and not before. */
export interface LexicalProblem {
  readonly code: ErrorCode;
  readonly message: string;
}

export interface Token extends Span {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'symbol' | 'bad' | 'end';
  /**
   * What the grammar compares: words in upper case, and symbols as they are. Empty for all else, so that a quoted name
   * or a string is never taken for a keyword.
   */
  readonly word: string;
  /** The text as written; of a quoted name, what stands between the quotes; of a string, its content. */
  readonly text: string;
  /** Upper case, in front of a string: `X`, `U&`, `E`, `N`, `_UTF8`. Empty for all else. */
  readonly prefix: string;
  readonly problem: LexicalProblem | undefined;
}
