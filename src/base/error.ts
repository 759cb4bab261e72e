/**
 * The error catalogue: every way in which a job can fail, with a stable code, who must act, and whether the job
 * may try again by its restart strategy. `docs/errors.md` lists the same codes for users.
 *
 * Three sorts of failure are told apart: *ours* (`blame: 'engine'`, a broken law of the engine), *the user's* (a
 * wrong option, a lambda that throws) and *the environment's* (a lost connection, a full disk).
 */

/** Who must act for the failure to go away. */
export type Blame = 'engine' | 'user' | 'environment';

/** One row of the catalogue. */
export interface ErrorKind {
  readonly blame: Blame;
  /** Whether the restart strategy of a job is asked after this failure; `false` fails the job for good. */
  readonly restart: boolean;
  /** What to do about it, in one sentence. */
  readonly remedy: string;
}

/**
 * Codes are stable and searchable; a code is added here and nowhere else.
 *
 * @example
 * ```ts
 * console.log(ERRORS.KEY_INVALID.remedy);
 * ```
 */
export const ERRORS = {
  INTERNAL_INVARIANT: {
    blame: 'engine',
    restart: false,
    remedy: 'This is a bug of the engine: report it with the message and the stack.',
  },

  // Building and submitting a job.
  GRAPH_INVALID: { blame: 'user', restart: false, remedy: 'Change the job where the message points.' },
  GRAPH_DIFFERS: {
    blame: 'user',
    restart: false,
    remedy:
      'Build the same graph on every worker: derive it from parameters only, never from time, randomness or the process.',
  },
  OPTION_INVALID: { blame: 'user', restart: false, remedy: 'Correct the option that the message names.' },
  JOB_MODULE_INVALID: {
    blame: 'user',
    restart: false,
    remedy: "Export the job as `export default job('name', (env, params) => …)`.",
  },
  RESOURCES_INSUFFICIENT: {
    blame: 'user',
    restart: false,
    remedy: 'Lower the parallelism or give the cluster more slots.',
  },
  JOB_UNKNOWN: {
    blame: 'user',
    restart: false,
    remedy: 'Ask about a job by the id that its submission gave, on the cluster that took it.',
  },
  ENVIRONMENT_CLOSED: {
    blame: 'user',
    restart: false,
    remedy: 'Build a new environment: one environment executes one graph.',
  },

  // User code at run time.
  USER_CODE: { blame: 'user', restart: true, remedy: 'Correct the function that threw; its stack is the cause.' },
  USER_CODE_ASYNC: { blame: 'user', restart: false, remedy: 'Use asyncMap for functions that return promises.' },
  USER_CODE_LATE: {
    blame: 'user',
    restart: true,
    remedy: 'Await every promise and clear every timer that a function starts.',
  },
  EXPRESSION_FAILED: {
    blame: 'user',
    restart: true,
    remedy: 'Correct the expression or the value that the message names.',
  },
  MUTATED_AFTER_EMIT: {
    blame: 'user',
    restart: false,
    remedy: 'Copy a value before changing it once it has been emitted or received.',
  },
  SLOT_OUT_OF_MEMORY: {
    blame: 'user',
    restart: true,
    remedy: 'Raise `slotHeapMegabytes`, lower the parallelism per process, or keep less state.',
  },
  SLOT_LOST: {
    blame: 'environment',
    restart: true,
    remedy: 'See the cause; the job restarts from its last checkpoint.',
  },

  // Keys and values.
  KEY_INVALID: {
    blame: 'user',
    restart: false,
    remedy:
      'Return a value that has a canonical encoding: string, number, bigint, boolean, null, Date, bytes, or an array or plain object of these.',
  },
  VALUE_UNSUPPORTED: {
    blame: 'user',
    restart: false,
    remedy:
      'Keep functions, symbols, promises and unregistered class instances out of records and state, or register the class.',
  },
  FRAME_CORRUPT: {
    blame: 'environment',
    restart: true,
    remedy: 'The bytes of a channel are damaged or of another version; the job restarts from its last checkpoint.',
  },

  // Time.
  TIMESTAMP_MISSING: {
    blame: 'user',
    restart: false,
    remedy: 'Assign timestamps with a watermark strategy before event-time operators, or use processing time.',
  },
  TIMESTAMP_INVALID: {
    blame: 'user',
    restart: false,
    remedy: 'Return milliseconds since the epoch, as a number, from the timestamp assigner.',
  },
  WINDOW_INVALID: { blame: 'user', restart: false, remedy: 'Correct the window definition.' },

  // State and checkpoints.
  STATE_INVALID: { blame: 'user', restart: false, remedy: 'Correct the state descriptor.' },
  STATE_INCOMPATIBLE: {
    blame: 'user',
    restart: false,
    remedy: 'Give the state a migration from the stored version, or restore without it.',
  },
  STATE_DISK: {
    blame: 'environment',
    restart: true,
    remedy: 'See the cause: free space for temporary files, or set `stateDirectory` to a disk that has some.',
  },
  STATE_TOO_LARGE: {
    blame: 'user',
    restart: false,
    remedy: 'Raise the parallelism of the operator: a subtask holds up to 32 GB on disk.',
  },
  STATE_DISK_CORRUPT: {
    blame: 'environment',
    restart: true,
    remedy: 'The job restarts from its last checkpoint. If it happens again, set `stateDirectory` to another disk.',
  },
  STATE_CORRUPT: { blame: 'environment', restart: false, remedy: 'Restore from another checkpoint.' },
  CHECKPOINT_FAILED: { blame: 'environment', restart: true, remedy: 'See the cause.' },
  CHECKPOINT_STALE: {
    blame: 'environment',
    restart: false,
    remedy: 'Nothing: a newer attempt of the job has taken over, and this one must end.',
  },
  CHECKPOINT_STORAGE: {
    blame: 'environment',
    restart: true,
    remedy: 'See the cause: make the directory or bucket of the checkpoints reachable and writable.',
  },
  CHECKPOINT_MISSING: {
    blame: 'user',
    restart: false,
    remedy: 'Correct the path: it must be the directory of a checkpoint or savepoint, or the _metadata file in it.',
  },
  CHECKPOINT_VERSION: {
    blame: 'user',
    restart: false,
    remedy: 'Restore with the version that wrote the checkpoint, or a later one.',
  },

  SPILL_FAILED: {
    blame: 'environment',
    restart: true,
    remedy: 'Free space for temporary files, or raise `sortMemoryMegabytes`.',
  },

  // The outside world.
  SOURCE_MISSING: { blame: 'user', restart: false, remedy: 'Create the file or directory, or correct the path.' },
  SOURCE_PERMISSION: { blame: 'user', restart: false, remedy: 'Give the process permission to read the path.' },
  SOURCE_UNREACHABLE: {
    blame: 'environment',
    restart: true,
    remedy: 'Start the server at the address, or correct the address.',
  },
  SOURCE_FAILED: { blame: 'environment', restart: true, remedy: 'See the cause.' },
  SOURCE_CONSUMED: {
    blame: 'user',
    restart: false,
    remedy: 'Give the source a function that opens the iterable anew: `() => iterable`.',
  },
  SOURCE_CORRUPT: { blame: 'user', restart: false, remedy: 'Replace the damaged file, or take it out of the source.' },
  RECORD_UNDECODABLE: {
    blame: 'user',
    restart: false,
    remedy: 'Correct the record at the named place, or send undecodable records to a side output.',
  },
  RECORD_UNENCODABLE: { blame: 'user', restart: false, remedy: 'Map the record to a value that the format can write.' },
  SINK_PERMISSION: { blame: 'user', restart: false, remedy: 'Give the process permission to write to the path.' },
  SINK_DISK_FULL: { blame: 'environment', restart: true, remedy: 'Free space on the disk that holds the path.' },
  SINK_UNREACHABLE: {
    blame: 'environment',
    restart: true,
    remedy: 'Start the server at the address, or correct the address.',
  },
  SINK_FAILED: { blame: 'environment', restart: true, remedy: 'See the cause.' },
  SINK_DATA_LOST: {
    blame: 'environment',
    restart: false,
    remedy:
      'What the message names was written and can no longer be made visible: restore from an earlier checkpoint or savepoint, or write that data again.',
  },
  PORT_IN_USE: {
    blame: 'environment',
    restart: false,
    remedy: 'Choose another port (0 takes a free one) or stop the process that holds it.',
  },
  ASYNC_TIMEOUT: {
    blame: 'environment',
    restart: true,
    remedy: 'Raise the timeout, lower the capacity, or handle the timeout in the function.',
  },
  ATTEMPT_STALE: {
    blame: 'environment',
    restart: true,
    remedy:
      'Nothing: the attempt of the job that a connection belonged to is over, and a newer one has taken its place.',
  },
  CHANNEL_LOST: {
    blame: 'environment',
    restart: true,
    remedy: 'A connection between tasks broke; the job restarts from its last checkpoint.',
  },

  // SQL: what stands in the text.
  SQL_PARSE_UNEXPECTED: {
    blame: 'user',
    restart: false,
    remedy: 'Correct the statement at the place that the message shows; it says what could stand there.',
  },
  SQL_PARSE_UNTERMINATED: {
    blame: 'user',
    restart: false,
    remedy: 'Close the string, comment or quoted name that begins at the place shown.',
  },
  SQL_PARSE_CHARACTER: {
    blame: 'user',
    restart: false,
    remedy: "Remove the character, or quote: names in backticks, strings in single quotes ('').",
  },
  SQL_PARSE_LITERAL: { blame: 'user', restart: false, remedy: 'Write the literal in the form that the message names.' },
  SQL_PARSE_TOO_DEEP: {
    blame: 'user',
    restart: false,
    remedy: 'Split the statement: give its parts names in WITH or in views, and write long alternatives with IN.',
  },

  // Simulations.
  SIMULATION_STUCK: {
    blame: 'user',
    restart: false,
    remedy: 'Look for a promise that nothing in the simulation settles, or raise the limits of the run.',
  },
  SIMULATION_FAILED: { blame: 'user', restart: false, remedy: 'Run the printed command: it replays the failing seed.' },
} as const satisfies Record<string, ErrorKind>;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof ERRORS;

/** Where a failure happened, as far as it is known. */
export interface ErrorDetails {
  readonly operator?: string;
  readonly uid?: string;
  readonly subtask?: number;
  /** A printable excerpt of the record that was being processed. */
  readonly record?: string;
  readonly [detail: string]: string | number | boolean | undefined;
}

/**
 * The only error that the engine throws on purpose. `code` says what kind it is; `message` what, where, why and
 * what to do; `details` carries the same facts for programs.
 *
 * @example
 * ```ts
 * const env = createEnvironment();
 * env.fromData(1).map((): number => { throw new Error('no'); }).print();
 * try {
 *   await env.execute();
 * } catch (error) {
 *   if (error instanceof MillstreamError && error.code === 'USER_CODE') console.log(error.details.operator);
 * }
 * ```
 */
export class MillstreamError extends Error {
  override readonly name = 'MillstreamError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly details?: ErrorDetails } = {},
  ) {
    super(`[${code}] ${message}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  get blame(): Blame {
    return ERRORS[this.code].blame;
  }

  /** Whether a restart strategy may try again after this failure. */
  get restart(): boolean {
    return ERRORS[this.code].restart;
  }

  get remedy(): string {
    return ERRORS[this.code].remedy;
  }
}

/** An error as plain data, for messages between threads and processes. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly code?: ErrorCode;
  readonly details?: ErrorDetails;
  readonly cause?: SerializedError;
}

/** Causes deeper than this are cut: a cycle of causes would never end. */
const CAUSE_DEPTH_MAX = 8;

export function serializeError(error: unknown, depth = 0): SerializedError {
  if (!(error instanceof Error)) return { name: 'Error', message: describeThrown(error), stack: '' };
  const cause =
    error.cause === undefined || depth >= CAUSE_DEPTH_MAX ? {} : { cause: serializeError(error.cause, depth + 1) };
  const base = { name: error.name, message: error.message, stack: error.stack ?? '', ...cause };
  return error instanceof MillstreamError ? { ...base, code: error.code, details: error.details } : base;
}

export function deserializeError(data: SerializedError): Error {
  const cause = data.cause === undefined ? undefined : deserializeError(data.cause);
  if (data.code !== undefined) {
    const prefix = `[${data.code}] `;
    const message = data.message.startsWith(prefix) ? data.message.slice(prefix.length) : data.message;
    const error = new MillstreamError(data.code, message, {
      ...(cause === undefined ? {} : { cause }),
      ...(data.details === undefined ? {} : { details: data.details }),
    });
    if (data.stack !== '') error.stack = data.stack;
    return error;
  }
  const error = new Error(data.message, cause === undefined ? undefined : { cause });
  error.name = data.name;
  if (data.stack !== '') error.stack = data.stack;
  return error;
}

/** Anything can be thrown; this says what it was. */
export function describeThrown(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  try {
    return typeof thrown === 'string' ? thrown : `thrown value ${String(thrown)}`;
  } catch {
    return 'a thrown value that cannot be printed';
  }
}
