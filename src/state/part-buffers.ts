/**
 * Parts in the making: takes what a view writes and keeps it as bytes by state, version and key group, until it is
 * drained. Removals and what is put are parts of their own, so that removals can come first whatever the order was.
 */

import { MillstreamError } from '../base/error.ts';
import { describeRecord } from '../data/describe-record.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { encodeNamespaceRemoval } from './column-parts.ts';
import { NO_ENTRY, NO_INDEX, PartEncoder } from './part-entries.ts';
import type { KeyGroupPart } from './snapshot.ts';
import type { PartWriter, StatePartWriter } from './views.ts';

/** A part that is done, and whose it is. */
export interface WrittenPart {
  readonly name: string;
  readonly kind: string;
  readonly group: number;
  readonly part: Omit<KeyGroupPart, 'bytes'> & { readonly bytes: Uint8Array };
}

class StateBuffers implements StatePartWriter {
  readonly name: string;
  readonly kind: string;
  readonly version: number;
  readonly #owner: PartBuffers;
  readonly #puts: (PartEncoder | undefined)[] = [];
  readonly #removals: (PartEncoder | undefined)[] = [];
  readonly #columns: (WrittenPart['part'][] | undefined)[] = [];

  constructor(owner: PartBuffers, name: string, kind: string, version: number) {
    this.#owner = owner;
    this.name = name;
    this.kind = kind;
    this.version = version;
  }

  put(keyGroup: number, key: unknown, namespace: unknown, value: unknown): void {
    this.#put(keyGroup, key, namespace, NO_ENTRY, NO_INDEX, value);
  }

  putEntry(keyGroup: number, key: unknown, namespace: unknown, entryKey: unknown, value: unknown): void {
    this.#put(keyGroup, key, namespace, entryKey, NO_INDEX, value);
  }

  putTail(keyGroup: number, key: unknown, namespace: unknown, index: number, items: unknown): void {
    this.#put(keyGroup, key, namespace, NO_ENTRY, index, items);
  }

  #put(group: number, key: unknown, namespace: unknown, entryKey: unknown, index: number, value: unknown): void {
    const encoder = (this.#puts[group] ??= new PartEncoder(this.#owner.types));
    const before = encoder.bytes.length;
    try {
      encoder.entry(key, namespace, entryKey, index, value, this.name);
    } catch (error) {
      throw unsupported(error, this.name, this.#owner.operatorId, describeRecord(key));
    }
    this.#owner.buffered += encoder.bytes.length - before;
  }

  putEncoded(keyGroup: number, entry: Uint8Array): void {
    (this.#puts[keyGroup] ??= new PartEncoder(this.#owner.types)).encoded(entry);
    this.#owner.buffered += entry.length;
  }

  remove(keyGroup: number, key: unknown, namespace: unknown): void {
    this.removeEntry(keyGroup, key, namespace, NO_ENTRY);
  }

  removeEntry(keyGroup: number, key: unknown, namespace: unknown, entryKey: unknown): void {
    // Of a group that is written whole nothing older is left.
    if (this.#owner.isWhole(keyGroup)) return;
    const encoder = (this.#removals[keyGroup] ??= new PartEncoder(this.#owner.types));
    const before = encoder.bytes.length;
    encoder.removal(key, namespace, entryKey);
    this.#owner.buffered += encoder.bytes.length - before;
  }

  removeEncoded(keyGroup: number, removal: Uint8Array): void {
    if (this.#owner.isWhole(keyGroup)) return;
    (this.#removals[keyGroup] ??= new PartEncoder(this.#owner.types)).encoded(removal);
    this.#owner.buffered += removal.length;
  }

  putColumns(keyGroup: number, count: number, rows: Uint8Array): void {
    this.#addColumns(keyGroup, this.#owner.isWhole(keyGroup) ? 'base' : 'delta', count, rows);
  }

  removeNamespace(keyGroup: number, namespace: unknown): void {
    if (this.#owner.isWhole(keyGroup)) return;
    this.#addColumns(keyGroup, 'removals', 1, encodeNamespaceRemoval(namespace, this.#owner.types));
  }

  #addColumns(group: number, kind: KeyGroupPart['kind'], count: number, bytes: Uint8Array): void {
    const { version } = this;
    (this.#columns[group] ??= []).push({ kind, encoding: 'columns', version, count, bytes });
    this.#owner.buffered += bytes.length;
  }

  /** How many key groups it may have something of. */
  get groups(): number {
    return Math.max(this.#puts.length, this.#removals.length, this.#columns.length);
  }

  /** Hands over what has come together of a key group. */
  drainGroup(group: number, take: (part: WrittenPart) => void): void {
    this.#take(group, this.#removals[group], 'removals', take);
    this.#take(group, this.#puts[group], this.#owner.isWhole(group) ? 'base' : 'delta', take);
    const columns = this.#columns[group];
    if (columns === undefined) return;
    this.#columns[group] = undefined;
    for (const part of columns) take({ name: this.name, kind: this.kind, group, part });
  }

  #take(
    group: number,
    encoder: PartEncoder | undefined,
    part: KeyGroupPart['kind'],
    take: (part: WrittenPart) => void,
  ): void {
    if (encoder === undefined || encoder.count === 0) return;
    const { name, kind, version } = this;
    const { count } = encoder;
    take({ name, kind, group, part: { kind: part, encoding: 'entries', version, count, bytes: encoder.take() } });
  }
}

export class PartBuffers implements PartWriter {
  readonly operatorId: string;
  readonly types: TypeRegistry;
  readonly isWhole: (group: number) => boolean;
  /** Bytes that have not been drained. */
  buffered = 0;
  readonly #states: StateBuffers[] = [];
  /** What is to be drained next. */
  #drained = { state: 0, group: 0 };

  constructor(operatorId: string, types: TypeRegistry, isWhole: (group: number) => boolean) {
    this.operatorId = operatorId;
    this.types = types;
    this.isWhole = isWhole;
  }

  state(name: string, kind: string, version: number): StatePartWriter {
    for (const known of this.#states) {
      if (known.name === name && known.kind === kind && known.version === version) return known;
    }
    const state = new StateBuffers(this, name, kind, version);
    this.#states.push(state);
    return state;
  }

  /**
   * Hands over what has come together, state by state, and there by key group. After every group `proceed` is asked; a
   * later call goes on where it said no.
   *
   * @returns Whether all has been handed over.
   */
  drain(take: (part: WrittenPart) => void, proceed: () => boolean): boolean {
    for (; this.#drained.state < this.#states.length; this.#drained = { state: this.#drained.state + 1, group: 0 }) {
      const state = this.#states[this.#drained.state] as StateBuffers;
      while (this.#drained.group < state.groups) {
        const before = this.buffered;
        state.drainGroup(this.#drained.group++, (part) => {
          this.buffered -= part.part.bytes.length;
          take(part);
        });
        if (this.buffered < before && !proceed()) return false;
      }
    }
    this.#drained = { state: 0, group: 0 };
    return true;
  }
}

/** The codec's complaint, with the state and the operator that it is about. */
export function unsupported(error: unknown, state: string, operator: string, key?: string): unknown {
  if (!(error instanceof MillstreamError)) return error;
  const complaint = error.message.replace(/^\[\w+\] /, '');
  return new MillstreamError(
    error.code,
    `The state "${state}" of the operator "${operator}"${key === undefined ? '' : `, of the key ${key},`} cannot enter a snapshot: ${complaint}`,
    { cause: error, details: { ...error.details, operator, state, ...(key === undefined ? {} : { key }) } },
  );
}
