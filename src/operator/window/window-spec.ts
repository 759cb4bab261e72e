/** A window operation as the API describes it: what is windowed how, and what becomes of it. Frozen data. */

import { MillstreamError } from '../../base/error.ts';
import type { Evictor } from '../../time/evictors/evictor.ts';
import type { Trigger } from '../../time/triggers/trigger.ts';
import { isMerging, type WindowAssigner } from '../../time/windows/window-assigner.ts';
import type { Window } from '../../time/windows/window.ts';
import type { OrClass } from '../functions.ts';
import { instantiate } from '../user-function.ts';
import type { WindowCall } from './window-functions.ts';
import { makeFold, type WindowKeeping } from './window-fold.ts';

export interface WindowSpec {
  /** The key of an element. */
  readonly key: (value: never) => unknown;
  readonly assigner: WindowAssigner<unknown, Window>;
  /** Undefined: the assigner's own. */
  readonly trigger: Trigger<unknown, Window> | undefined;
  readonly evictor: Evictor<unknown, Window> | undefined;
  /** Milliseconds of event time for which a window that has fired is kept and takes late elements. */
  readonly allowedLateness: number;
  /** Id of the side output that late elements go to; undefined drops them, counted. */
  readonly lateTag: string | undefined;
  readonly keeping: WindowKeeping;
  /** What is run over the elements when a window fires; undefined sends on what was kept. */
  readonly call: OrClass<WindowCall> | undefined;
}

export function triggerOf(spec: WindowSpec): Trigger<unknown, Window> {
  return spec.trigger ?? spec.assigner.getDefaultTrigger();
}

/**
 * Refuses what cannot work before the job starts.
 *
 * @throws WINDOW_INVALID with the operator's name.
 */
export function checkWindowSpec(spec: WindowSpec, operator: string): void {
  const refuse = (what: string): never => {
    throw new MillstreamError('WINDOW_INVALID', `The window operator "${operator}" ${what}`, { details: { operator } });
  };
  const { assigner, allowedLateness, keeping, call, evictor } = spec;
  if (!(allowedLateness >= 0)) refuse(`has an allowed lateness of ${allowedLateness} ms. It must not be negative.`);
  if (keeping.kind === 'list' && call === undefined)
    refuse('has no function for its elements. Give it reduce(), aggregate() or process().');
  if (!isMerging(assigner)) return;
  const trigger = triggerOf(spec);
  if (!trigger.canMerge || trigger.onMerge === undefined) {
    refuse(
      `has windows that merge (${assigner.kind}), but its trigger (${trigger.kind}) cannot merge. Use a trigger whose canMerge is true.`,
    );
  }
  if (evictor === undefined && keeping.kind === 'aggregate' && makeFold(keeping).merge === undefined) {
    refuse(
      `has windows that merge (${assigner.kind}), but its aggregate function has no merge(). Add merge(a, b), which makes one accumulator of two.`,
    );
  }
  if (call !== undefined && Object.keys(instantiate(call).windowState ?? {}).length > 0) {
    refuse(`has windows that merge (${assigner.kind}), whose function cannot have windowState. Use globalState.`);
  }
}
