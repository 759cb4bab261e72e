/** Which task of a job runs in which slot. */

import type { JobGraph } from '../graph/job-graph.ts';
import type { Placement, SlotOffer } from './messages.ts';

/** A slot that a job may use. */
export interface AssignedSlot {
  readonly taskManager: string;
  readonly offer: SlotOffer;
}

/** A thread of the cluster that runs a part of this job. */
export interface Host {
  readonly taskManager: string;
  readonly slot: number;
}

/** A task, and the thread that answers for its slot. */
export interface PlacedTask {
  readonly placement: Placement;
  readonly host: Host;
}

/** Megabytes of heap that a job asks of each of its slots; 0 where any slot will do. */
export type SlotDemands = readonly number[];

/** The slots that a job needs: those of its slot sharing groups, each as many as its widest vertex has subtasks. */
export function slotDemands(job: JobGraph): SlotDemands {
  const demands: number[] = [];
  for (const [group, width] of groupWidths(job)) {
    const heapMegabytes = job.vertices.find((vertex) => vertex.slotSharingGroup === group)?.slotHeapMegabytes ?? 0;
    for (let i = 0; i < width; i++) demands.push(heapMegabytes);
  }
  return demands;
}

/**
 * A slot for each demand, or undefined when they do not suffice. Slots are shared between jobs: each gets the first ones
 * that do, the greatest demands first.
 */
export function fitSlots(slots: readonly AssignedSlot[], demands: SlotDemands): readonly AssignedSlot[] | undefined {
  const free = [...slots];
  const fitted: AssignedSlot[] = [];
  const order = demands.map((_, index) => index).toSorted((a, b) => (demands[b] as number) - (demands[a] as number));
  for (const index of order) {
    const found = free.findIndex(({ offer }) => (offer.heapMegabytes ?? Infinity) >= (demands[index] as number));
    if (found < 0) return undefined;
    fitted[index] = free.splice(found, 1)[0] as AssignedSlot;
  }
  return fitted;
}

function groupWidths(job: JobGraph): Map<string, number> {
  const widths = new Map<string, number>();
  for (const vertex of job.vertices)
    widths.set(vertex.slotSharingGroup, Math.max(widths.get(vertex.slotSharingGroup) ?? 0, vertex.parallelism));
  return widths;
}

/** Subtask i of every vertex of a slot sharing group shares slot i of the group. */
export function placeTasks(job: JobGraph, slots: readonly AssignedSlot[]): PlacedTask[] {
  const placed: PlacedTask[] = [];
  let first = 0;
  for (const [group, width] of groupWidths(job)) {
    for (const vertex of job.vertices) {
      if (vertex.slotSharingGroup !== group) continue;
      for (let subtask = 0; subtask < vertex.parallelism; subtask++) {
        const { taskManager, offer } = slots[first + subtask] as AssignedSlot;
        placed.push({
          placement: { vertex: vertex.id, subtask, taskManager, slot: offer.slot },
          host: { taskManager, slot: offer.host },
        });
      }
    }
    first += width;
  }
  return placed;
}

export function taskName(place: { readonly vertex: number; readonly subtask: number }): string {
  return `${place.vertex}/${place.subtask}`;
}

export function hostKey(host: Host): string {
  return `${host.taskManager}/${host.slot}`;
}
