/** The lines of a text: where they begin, and how a place in one is shown. */

/** Longer lines are cut around the place that is shown, so that a message stays readable. */
const SHOWN_CHARACTERS_MAX = 160;

export class SourceLines {
  readonly text: string;
  /** Stretches that are never shown, in the order of the text. */
  readonly #hidden: { readonly start: number; readonly end: number }[] = [];
  /** The offset of the first character of each line. */
  readonly #starts: number[] = [0];

  constructor(text: string) {
    this.text = text;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === 10 || (code === 13 && text.charCodeAt(at + 1) !== 10)) this.#starts.push(at + 1);
    }
  }

  /** The line, from 1, that an offset lies in. `from` is a line known not to lie behind it. */
  lineOf(offset: number, from = 1): number {
    let line = from;
    while (line < this.#starts.length && (this.#starts[line] ?? 0) <= offset) line++;
    return line;
  }

  startOf(line: number): number {
    return this.#starts[line - 1] ?? 0;
  }

  /** Keeps a stretch out of all messages. */
  hide(start: number, end: number): void {
    this.#hidden.push({ start, end });
  }

  /** The line with carets under `length` characters, on two lines. Tabs are repeated under tabs, so that carets fit. */
  show(line: number, column: number, length: number): string {
    const start = this.startOf(line);
    const whole = this.#visible(start, this.#starts[line] ?? this.text.length).replace(/[\r\n]+$/, '');
    const at = column - 1;
    const cut =
      at > SHOWN_CHARACTERS_MAX / 2 && whole.length > SHOWN_CHARACTERS_MAX ? at - SHOWN_CHARACTERS_MAX / 2 : 0;
    const shown = whole.slice(cut, cut + SHOWN_CHARACTERS_MAX);
    const indent = shown.slice(0, at - cut).replaceAll(/[^\t]/g, ' ');
    const carets = Math.max(1, Math.min(length, shown.length - (at - cut)));
    return `${shown}\n${indent}${'^'.repeat(carets)}`;
  }

  /** A piece of the text with stars in the place of what is hidden. */
  #visible(start: number, end: number): string {
    let text = this.text.slice(start, end);
    for (const hidden of this.#hidden) {
      const from = Math.max(hidden.start, start) - start;
      const to = Math.min(hidden.end, end) - start;
      if (from < to) text = text.slice(0, from) + text.slice(from, to).replaceAll(/[^\r\n]/g, '*') + text.slice(to);
    }
    return text;
  }
}
