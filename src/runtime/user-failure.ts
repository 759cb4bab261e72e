/** Turns what user code threw into an error that says which operator, which record, and keeps the user's stack. */

import { describeThrown, MillstreamError } from '../base/error.ts';
import { operatorId, type StreamNode } from '../graph/stream-graph.ts';
import { describeRecord } from '../data/describe-record.ts';

/** Marks that there was no record: a timer, a watermark, `open` or `close`. */
export const NO_RECORD = Symbol('no record');

export function userFailure(thrown: unknown, node: StreamNode, subtask: number, record: unknown): MillstreamError {
  const details = {
    operator: node.name,
    uid: operatorId(node),
    subtask,
    ...(record === NO_RECORD ? {} : { record: describeRecord(record) }),
  };
  const where = `Operator "${node.name}" (uid ${operatorId(node)}, subtask ${subtask})`;
  const what = record === NO_RECORD ? '' : ` at record ${describeRecord(record)}`;
  if (thrown instanceof MillstreamError) {
    if (thrown.details.operator !== undefined || thrown.code === 'INTERNAL_INVARIANT') return thrown;
    const message = thrown.message.replace(`[${thrown.code}] `, '');
    return new MillstreamError(thrown.code, `${where}${what}: ${message}`, {
      cause: thrown.cause ?? thrown,
      details: { ...thrown.details, ...details },
    });
  }
  return new MillstreamError('USER_CODE', `${where} failed${what}: ${describeThrown(thrown)}`, {
    cause: thrown,
    details,
  });
}
