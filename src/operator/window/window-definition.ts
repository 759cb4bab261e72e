/**
 * Which operator runs a window operation, and why: the plan says both.
 *
 * The specialised operators know nothing but the assigner's own trigger and a fold; everything else is the general
 * operator's.
 */

import { EventTimeTrigger } from '../../time/triggers/event-time-trigger.ts';
import { ProcessingTimeTrigger } from '../../time/triggers/processing-time-trigger.ts';
import { SessionWindows } from '../../time/windows/session-windows.ts';
import { SlidingWindows } from '../../time/windows/sliding-windows.ts';
import { TumblingWindows } from '../../time/windows/tumbling-windows.ts';
import type { OperatorDefinition } from '../operator.ts';
import { isClass } from '../user-function.ts';
import { countingOf, globalParts } from './global-operator.ts';
import { sessionParts } from './session-operator.ts';
import { slicedParts, slicingObstacle } from './sliced-operator.ts';
import { tumblingParts } from './tumbling-operator.ts';
import { WindowOperator } from './window-operator.ts';
import { triggerOf, type WindowSpec } from './window-spec.ts';

/** How a window operation is run. */
export interface WindowPath {
  readonly path: 'table per window' | 'count per key' | 'sessions per key' | 'shared slices' | 'general';
  /** Why it is not run faster. */
  readonly because?: string;
  readonly parts: Pick<OperatorDefinition, 'create' | 'inline'>;
}

/** What may make a window operator run otherwise than its spec alone says. */
export interface WindowDefinitionOptions {
  /** One key after the other, and the windows of each fire at its end. */
  readonly batch?: boolean;
  /** Always the general operator; for tests that compare. */
  readonly general?: boolean;
}

export function windowDefinition(spec: WindowSpec, options: WindowDefinitionOptions = {}): OperatorDefinition {
  const { path, because, parts } = choosePath(spec, options);
  return {
    kind: 'window',
    input: 'records',
    output: 'records',
    ...parts,
    keySelectors: [spec.key],
    changelog: false,
    describe: { ...describeWindow(spec), path, ...(because === undefined ? {} : { because }) },
  };
}

function choosePath(spec: WindowSpec, options: WindowDefinitionOptions): WindowPath {
  const common = options.general === true ? 'asked for' : obstacle(spec, options);
  if (common !== undefined) return general(spec, common);
  const counting = countingOf(spec);
  if (counting !== undefined) return { path: 'count per key', parts: globalParts(spec, counting) };
  if (!hasOwnTrigger(spec)) return general(spec, `the trigger is not the assigner's own: ${triggerOf(spec).kind}`);
  if (spec.assigner instanceof TumblingWindows) return { path: 'table per window', parts: tumblingParts(spec) };
  if (spec.assigner instanceof SessionWindows) {
    if (spec.allowedLateness > 0) return general(spec, 'sessions with allowed lateness are kept after they have fired');
    return { path: 'sessions per key', parts: sessionParts(spec) };
  }
  if (spec.assigner instanceof SlidingWindows) {
    const because = slicingObstacle(spec);
    return because === undefined ? { path: 'shared slices', parts: slicedParts(spec) } : general(spec, because);
  }
  return general(spec, `${spec.assigner.kind} windows have no operator of their own`);
}

function general(spec: WindowSpec, because: string): WindowPath {
  return { path: 'general', because, parts: { create: () => new WindowOperator(spec) } };
}

/** What keeps every specialised operator from running it. */
function obstacle(spec: WindowSpec, { batch }: WindowDefinitionOptions): string | undefined {
  if (batch === true) return 'BATCH mode holds the state of one key at a time';
  if (spec.evictor !== undefined) return 'an evictor needs all elements';
  if (spec.call !== undefined && !isPlainCall(spec.call)) return 'the window function has state or a lifecycle';
  return undefined;
}

/** What a window function may have that only the general operator serves. */
const RICH_PARTS = [
  'windowState',
  'globalState',
  'clear',
  'open',
  'close',
  'initializeState',
  'snapshotState',
  'notifyCheckpointComplete',
  'notifyCheckpointAborted',
] as const;

/** Whether it is a function and nothing else. What instances of a class have is not known before they are made. */
function isPlainCall(call: NonNullable<WindowSpec['call']>): boolean {
  return !isClass(call) && !RICH_PARTS.some((part) => part in call);
}

function hasOwnTrigger({ assigner, trigger }: WindowSpec): boolean {
  if (trigger === undefined) return true;
  return assigner.isEventTime ? trigger instanceof EventTimeTrigger : trigger instanceof ProcessingTimeTrigger;
}

function describeWindow(spec: WindowSpec): Readonly<Record<string, string | number | boolean>> {
  return {
    window: spec.assigner.kind,
    ...spec.assigner.describe?.(),
    trigger: triggerOf(spec).kind,
    ...(spec.evictor === undefined ? {} : { evictor: spec.evictor.kind }),
    ...(spec.allowedLateness === 0 ? {} : { allowedLatenessMs: spec.allowedLateness }),
  };
}
