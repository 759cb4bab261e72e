/** The memory that the disk-backed state of one slot may take, shared by all its operators. */

/** State that holds memory it can do without. */
export interface MemoryUser {
  /** Bytes that `release` could free. */
  readonly releasableBytes: number;
  /** Bytes in memory, those that cannot be freed included. */
  readonly memoryBytes: number;
  /** Frees at least so many bytes if it can. */
  release(bytes: number): void;
}

/** Freed beyond what is needed, so that not every record frees something. */
const SLACK_SHARE = 1 / 256;

/** Growth of what is needed beyond the limit that is told. */
const TELL_FACTOR = 1.5;

export class SlotMemory {
  readonly limit: number;
  #used = 0;
  #most = 0;
  #releasing = false;
  readonly #users = new Set<MemoryUser>();
  readonly #overrun: (needed: number) => void;
  /** What `overrun` was told last. */
  #told = 0;

  /**
   * @param overrun told when what nobody can do without (indexes, buffers, directories of timers) takes more than the
   * limit, and again whenever that has grown by half.
   */
  constructor(limit: number, overrun: (needed: number) => void = () => {}) {
    this.limit = limit;
    this.#overrun = overrun;
  }

  /** Bytes in use: indexes, buffers, and what is cached. */
  get used(): number {
    return this.#used;
  }

  /** The most that was ever in use. */
  get most(): number {
    return this.#most;
  }

  /** Whether nobody uses it. */
  get isIdle(): boolean {
    return this.#users.size === 0;
  }

  join(user: MemoryUser): void {
    this.#users.add(user);
  }

  leave(user: MemoryUser): void {
    this.#users.delete(user);
  }

  /** Takes so many bytes more, or gives them back; who holds most of what can be done without makes room for them. */
  add(bytes: number): void {
    this.#used += bytes;
    if (this.#releasing) return;
    if (this.#used > this.limit && bytes > 0) {
      this.#releasing = true;
      try {
        this.#makeRoom();
      } finally {
        this.#releasing = false;
      }
    }
    if (this.#used > this.#most) this.#most = this.#used;
  }

  #makeRoom(): void {
    while (this.#used > this.limit) {
      let richest: MemoryUser | undefined;
      for (const user of this.#users) {
        if (user.releasableBytes > (richest?.releasableBytes ?? 0)) richest = user;
      }
      const before = this.#used;
      richest?.release(before - this.limit + this.limit * SLACK_SHARE);
      // What is left is in use this very moment.
      if (this.#used >= before) break;
    }
    if (this.#used > this.limit) this.#tell();
  }

  #tell(): void {
    let needed = this.#used;
    for (const user of this.#users) needed -= user.releasableBytes;
    if (needed <= this.limit || needed < this.#told * TELL_FACTOR) return;
    this.#told = needed;
    this.#overrun(needed);
  }
}
