/**
 * What a specialised window operator finds in a snapshot: the canonical form that the general operator writes too.
 *
 * Per key and window there is one entry of contents; a timer at the last timestamp of the window says that it has not
 * fired yet.
 */

import { MillstreamError } from '../../base/error.ts';
import type { RestoredEntry, RestoredKeyedState, RestoredState } from '../../state/snapshot.ts';
import { CONTENTS, TIMESTAMPED_CONTENTS } from './window-contents.ts';
import type { WindowKeeping } from './window-fold.ts';

/** Timers of window operators, in snapshots. */
export const WINDOW_TIMERS = 'window-timers';
/** The windows of each key where windows merge. */
export const MERGING_WINDOWS = 'merging-windows';
/** The count of a count trigger, in the name of the general operator. */
export const TRIGGER_COUNT = 'trigger.count';
/** The slices of each key where sliding windows share them. */
export const SLICES = 'window-slices';
/** The end of the last window of such a key that has fired. */
export const SLICES_FIRED = 'window-slices-fired';

/** The kind of state under which contents are kept. */
export function contentsKind(keeping: WindowKeeping): 'value' | 'list' {
  return keeping.kind === 'list' ? 'list' : 'value';
}

/** All entries of the states with this name. Fails where another kind of state has the name. */
export function restoredEntries(restored: RestoredState, name: string, kinds: readonly string[]): RestoredEntry[] {
  return restored.keyed.filter((state) => state.name === name).flatMap((state) => [...checked(state, kinds).entries()]);
}

function checked(state: RestoredKeyedState, kinds: readonly string[]): RestoredKeyedState {
  if (kinds.includes(state.kind)) return state;
  throw new MillstreamError(
    'STATE_INCOMPATIBLE',
    `The windows were stored as ${state.kind} state and are now kept as ${kinds.join(' or ')} state: the window function takes single results where it took all elements, or the other way round. Keep the function, give the operator another uid, or restore without its state.`,
    { details: { state: state.name } },
  );
}

/** @throws STATE_INCOMPATIBLE when the snapshot holds windows in a form that this operator cannot take over. */
export function refuseOtherForms(restored: RestoredState, understood: readonly string[], operator: string): void {
  for (const form of [CONTENTS, TIMESTAMPED_CONTENTS, MERGING_WINDOWS, SLICES]) {
    if (understood.includes(form)) continue;
    if (holdsState(restored, form)) throw otherForm(form, operator);
  }
}

/** `because`: what keeps the present windows from taking the form over. */
export function otherForm(form: string, operator: string, because = NO_FORM): MillstreamError {
  return new MillstreamError(
    'STATE_INCOMPATIBLE',
    `The operator "${operator}" was stored with ${FORMS[form]}, which its present windows cannot take over: ${because}. Restore with the windows, function, trigger and evictor that it had, give it another uid, or restore without its state.`,
    { details: { operator, state: form } },
  );
}

const NO_FORM = 'they are kept in another form';
/** Of slices, where the windows slide otherwise. */
export const OTHER_SLICES = 'windows of another size, slide or offset are cut into other slices';

/** Whether there are entries of the state. */
export function holdsState(restored: RestoredState, name: string): boolean {
  return restored.keyed.some((state) => state.name === name && state.entries()[Symbol.iterator]().next().done !== true);
}

const FORMS: Readonly<Record<string, string>> = {
  [CONTENTS]: 'one accumulator per window',
  [TIMESTAMPED_CONTENTS]: 'all elements of each window, for an evictor',
  [MERGING_WINDOWS]: 'windows that merge',
  [SLICES]: 'slices shared by sliding windows',
};
