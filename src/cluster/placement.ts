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

/** Slots that a job needs: those of its slot sharing groups, each as many as its widest vertex has subtasks. */
export function slotsNeeded(job: JobGraph): number {
  let needed = 0;
  for (const widest of groupWidths(job).values()) needed += widest;
  return needed;
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
