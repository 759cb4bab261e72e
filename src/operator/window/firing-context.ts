/** What a window function sees while its window fires. */

import { MillstreamError } from '../../base/error.ts';
import type { Window } from '../../time/windows/window.ts';
import type { StateDeclarations, StateHandles } from '../functions.ts';
import type { OperatorContext } from '../operator.ts';
import { ElementContext } from '../process-operator.ts';
import type { RuntimeContext } from '../runtime-context.ts';
import type { ProcessWindowContext } from './window-functions.ts';

/** One per operator, moved from firing to firing. */
export class FiringContext<W extends Window> extends ElementContext implements ProcessWindowContext<W> {
  readonly windowState: StateHandles<StateDeclarations>;
  readonly globalState: StateHandles<StateDeclarations>;
  #window: W | undefined;

  constructor(
    context: OperatorContext<never>,
    runtime: RuntimeContext,
    windowState: StateHandles<StateDeclarations>,
    globalState: StateHandles<StateDeclarations>,
  ) {
    super(context, runtime);
    this.windowState = windowState;
    this.globalState = globalState;
  }

  enter(window: W): void {
    this.#window = window;
    this.at = window.maxTimestamp();
  }

  window(): W {
    if (this.#window === undefined)
      throw new MillstreamError(
        'USER_CODE',
        'ctx.window() was called before any window has fired. Call it in process() or clear().',
      );
    return this.#window;
  }
}
