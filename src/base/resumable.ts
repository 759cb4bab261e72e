/** Work that stops in the middle when its task may do no more for now, and goes on later. */

export interface Resumable {
  /** Goes on from where it stopped, and pauses again if it must. */
  resume(): void;
  /**
   * Whether a snapshot taken while this is paused is complete: true for a burst of timers, whose rest is state; false
   * (the default) for an element that is half done.
   */
  readonly interruptible?: boolean;
}
