/** Runs one test file in a process of its own and says what came out of it. */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReportLine } from './reporter.ts';

/** The longest a file may take; far above what a file should, so that only a hung one meets it. */
const FILE_TIMEOUT_MS = 180_000;

/** How long the output of a file may stay open after its process ended; then something that it left behind holds it. */
const OUTPUT_LINGER_MS = 2_000;

/** What is kept of a file's own output, from its end: enough to see what went wrong. */
const OUTPUT_CHARACTERS_MAX = 64 * 1024;

const REPORTER = fileURLToPath(new URL('./reporter.ts', import.meta.url));

export interface FileFailure {
  readonly name: string;
  readonly where: string;
  readonly error: string;
}

export interface FileResult {
  readonly file: string;
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly FileFailure[];
  readonly milliseconds: number;
  /** What the file printed, shown only when it failed. */
  readonly output: string;
}

/** A file that runs: its result, and the way to end it at once. */
export interface FileRun {
  readonly result: Promise<FileResult>;
  kill(): void;
}

/**
 * Starts `file` (relative to `root`). The result never rejects: a file that cannot start, hangs beyond
 * `timeoutMs`, ends early or holds no test is a result with a failure that says so.
 */
export function runFile(root: string, file: string, scratch: string, timeoutMs: number = FILE_TIMEOUT_MS): FileRun {
  const reportPath = join(scratch, `${file.replaceAll(/[^\w.-]/g, '_')}.ndjson`);
  const started = performance.now();
  // A test that runs a file of tests has a report of its own, which is not this one's.
  const flags = process.execArgv.filter((flag) => !flag.startsWith('--test-'));
  // A group of its own, so that whatever the file started can be ended with it.
  const grouped = process.platform !== 'win32';
  const child = spawn(
    process.execPath,
    [...flags, `--test-reporter=${REPORTER}`, `--test-reporter-destination=${reportPath}`, join(root, file)],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: grouped },
  );

  const kill = (): void => {
    if (child.pid === undefined) return;
    try {
      if (grouped) process.kill(-child.pid, 'SIGKILL');
      else child.kill('SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  };

  const result = new Promise<FileResult>((done) => {
    let output = '';
    let timedOut = false;
    let startError: Error | undefined;
    const collect = (text: string): void => {
      output = (output + text).slice(-OUTPUT_CHARACTERS_MAX);
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, timeoutMs);
    child.on('error', (error) => {
      startError = error;
      finish(null, null);
    });
    child.on('exit', () => {
      clearTimeout(timer);
      // What the file left running would hold its output open, unless it went away into a group of its own.
      kill();
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, OUTPUT_LINGER_MS).unref();
    });
    child.on('close', finish);

    function finish(code: number | null, signal: NodeJS.Signals | null): void {
      clearTimeout(timer);
      const lines = readReport(reportPath);
      const failures: FileFailure[] = lines.filter((entry) => entry.kind === 'failed');
      const passed = lines.filter((entry) => entry.kind === 'passed').length;
      const skipped = lines.filter((entry) => entry.kind === 'skipped').length;
      const problem = startError?.message ?? (timedOut ? hang(lines, timeoutMs) : outsideOfTests(lines, code, signal));
      if (problem !== undefined) failures.push({ name: '(the file)', where: file, error: problem });
      done({ file, passed, skipped, failures, milliseconds: performance.now() - started, output });
    }
  });
  return { result, kill };
}

function hang(lines: readonly ReportLine[], timeoutMs: number): string {
  const last = lines.findLast((entry) => entry.kind === 'started');
  const at = last === undefined ? '' : ` The last test that started was "${last.name}".`;
  return `Did not end within ${timeoutMs / 1000} s: a test hangs, or something it opened was not closed.${at}`;
}

/** What is wrong with a file beside the failures of its tests, if anything. */
function outsideOfTests(lines: readonly ReportLine[], code: number | null, signal: string | null): string | undefined {
  const finished = lines.filter(
    (entry) => entry.kind === 'passed' || entry.kind === 'skipped' || entry.kind === 'failed',
  );
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
  if (lines.length === 0 && code === 0) return 'Holds no test, or ended before one was done.';
  if (lines.at(-1)?.kind !== 'end') return `Ended before its tests were done (${how}).`;
  if (finished.length === 0) return 'Holds no test.';
  if (code === 0 || finished.some((entry) => entry.kind === 'failed')) return undefined;
  const notes = lines.filter((entry) => entry.kind === 'note').map((entry) => entry.message);
  return [`Failed outside of its tests (${how}).`, ...notes].join('\n');
}

function readReport(path: string): ReportLine[] {
  try {
    const lines = readFileSync(path, 'utf8')
      .split('\n')
      .filter((text) => text !== '');
    rmSync(path, { force: true });
    return lines.map((text) => JSON.parse(text) as ReportLine);
  } catch {
    return [];
  }
}
