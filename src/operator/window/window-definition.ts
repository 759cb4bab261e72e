/** Which operator runs a window operation, and why: the plan says both. */

import type { OperatorDefinition } from '../operator.ts';
import { WindowOperator } from './window-operator.ts';
import { triggerOf, type WindowSpec } from './window-spec.ts';

export function windowDefinition(spec: WindowSpec): OperatorDefinition {
  return {
    kind: 'window',
    input: 'records',
    output: 'records',
    create: () => new WindowOperator(spec),
    keySelectors: [spec.key],
    changelog: false,
    describe: describeWindow(spec),
  };
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
