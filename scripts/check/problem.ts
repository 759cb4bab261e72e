/** What a check of our own has to say: a sentence about a place. */
export interface Problem {
  /** Relative to the repository. */
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** One line a problem, in the form that editors and terminals make clickable. */
export function printProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, line, message }) => `${path}:${line}: ${message}\n`).join('');
}

/** The line, counted from 1, in which the character at `offset` stands. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return line;
}
