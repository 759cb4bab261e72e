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

export class SlotMemory {
  readonly limit: number;
  #used = 0;
  #most = 0;
  #releasing = false;
  readonly #users = new Set<MemoryUser>();

  constructor(limit: number) {
    this.limit = limit;
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
  }
}
