/**
 * A node:test reporter that writes JSON lines about the tests of a file, for scripts/test/run-file.ts to read.
 *
 * Suites are not tests: only a suite that failed by itself (a hook threw) is reported. The last line says that
 * the file ran to its end; without it, something ended the process early.
 */
import { inspect } from 'node:util';
import type { TestEvent } from 'node:test/reporters';

/** One line of the report. */
export type ReportLine =
  | { readonly kind: 'passed' | 'skipped'; readonly name: string }
  | { readonly kind: 'failed'; readonly name: string; readonly where: string; readonly error: string }
  | { readonly kind: 'started'; readonly name: string }
  | { readonly kind: 'note'; readonly message: string }
  | { readonly kind: 'end' };

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const open: string[] = [];
  for await (const event of source) {
    switch (event.type) {
      case 'test:start':
        open.length = event.data.nesting;
        open.push(event.data.name);
        break;
      case 'test:dequeue':
        if (event.data.type !== 'suite') yield line({ kind: 'started', name: event.data.name });
        break;
      case 'test:diagnostic':
        if (isProblem(event.data)) yield line({ kind: 'note', message: event.data.message });
        break;
      case 'test:pass':
        if (event.data.details.type !== 'suite') {
          const skipped = event.data.skip !== undefined || event.data.todo !== undefined;
          yield line({ kind: skipped ? 'skipped' : 'passed', name: fullName(open, event.data) });
        }
        break;
      case 'test:fail': {
        const failure = event.data.details.error;
        const ofChildren = (failure as { failureType?: unknown }).failureType === 'subtestsFailed';
        if (event.data.details.type === 'suite' && ofChildren) break;
        const { file, line: row, column } = event.data;
        yield line({
          kind: 'failed',
          name: fullName(open, event.data),
          where: file === undefined ? '' : `${file}:${row ?? 0}:${column ?? 0}`,
          error: ofChildren ? failure.message : inspect(failure.cause ?? failure),
        });
        break;
      }
      default: // Only what is counted or explains a failure.
    }
  }
  yield line({ kind: 'end' });
}

/** Node.js reports what happens outside of any test, such as a late rejection, as a diagnostic. */
function isProblem(data: { readonly level: string; readonly message: string }): boolean {
  return data.level !== 'info' || data.message.startsWith('Error: ') || data.message.startsWith('Warning: ');
}

/** The names of the enclosing suites and tests, then the test's own. */
function fullName(open: readonly string[], data: { readonly name: string; readonly nesting: number }): string {
  return [...open.slice(0, data.nesting), data.name].join(' > ');
}

function line(value: ReportLine): string {
  return `${JSON.stringify(value)}\n`;
}
