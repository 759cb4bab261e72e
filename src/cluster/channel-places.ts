/** Where the state of a job's channels goes, and comes back from: names, codecs and shares, for the tasks of a slot. */

import { RecordDecoder, RecordEncoder } from '../data/record-codec.ts';
import type { ChannelStatePlace, ChannelStateSnapshot } from '../exchange/channel-state.ts';
import type { RowCodec } from '../exchange/channel-redistribution.ts';
import type { InputChannel, RestoredChannel } from '../exchange/input-gate.ts';
import { restoredChannels } from '../exchange/restored-channels.ts';
import { targetSubtasks, type JobEdge, type JobGraph, type JobVertex } from '../graph/job-graph.ts';
import type { StreamGraph } from '../graph/stream-graph.ts';
import { edgeName, inputsOvertake } from '../graph/unaligned-edges.ts';
import type { BytesOf } from '../state/snapshot.ts';
import { receiverOf } from './restore-plan.ts';

/** An input channel, and where it comes from. */
export interface SlotInput extends InputChannel {
  readonly edge: number;
  readonly sender: number;
}

export class ChannelPlaces {
  readonly #graph: StreamGraph;
  readonly #job: JobGraph;
  readonly #owner: string;

  constructor(graph: StreamGraph, job: JobGraph, owner: string) {
    this.#graph = graph;
    this.#job = job;
    this.#owner = owner;
  }

  /** Whether barriers may overtake on the edges into a vertex. */
  overtake(vertex: JobVertex): boolean {
    return inputsOvertake(vertex, this.#graph.settings.checkpoint);
  }

  /** The places of the channels that come in over an edge; undefined where no barrier overtakes. */
  into(edge: JobEdge, receiver: number): ((sender: number) => ChannelStatePlace) | undefined {
    if (!this.overtake(this.#vertex(edge.targetVertex))) return undefined;
    const place = this.#placeOn(edge);
    return (sender) => place(sender, receiver);
  }

  /** The places of the channels that go out over an edge, in their order; undefined where no barrier overtakes. */
  outOf(edge: JobEdge, sender: number): readonly ChannelStatePlace[] | undefined {
    const target = this.#vertex(edge.targetVertex);
    if (!this.overtake(target)) return undefined;
    const senders = this.#vertex(edge.sourceVertex).parallelism;
    const place = this.#placeOn(edge);
    return targetSubtasks(edge.partitioning, sender, senders, target.parallelism).map((receiver) =>
      place(sender, receiver),
    );
  }

  /** One encoder serves all channels of an edge, for each frame stands by itself. */
  #placeOn(edge: JobEdge): (sender: number, receiver: number) => ChannelStatePlace {
    let encoder: RecordEncoder | undefined;
    const make = (): RecordEncoder => (encoder ??= this.#codec(edge).encoder);
    const name = edgeName(this.#graph, this.#job, edge);
    const senders = this.#vertex(edge.sourceVertex).parallelism;
    const receivers = this.#vertex(edge.targetVertex).parallelism;
    return (sender, receiver) => ({ identity: { edge: name, sender, senders, receiver, receivers }, encoder: make });
  }

  #codec(edge: JobEdge): RowCodec & { readonly encoder: RecordEncoder } {
    const { types } = this.#graph;
    const tag = `${this.#owner}/edge-${edge.id}`;
    const operator = this.#graph.nodes[edge.sourceNode]?.name ?? '';
    return { encoder: new RecordEncoder({ types, operator, tag }), decoder: new RecordDecoder({ types, tag }) };
  }

  #vertex(id: number): JobVertex {
    return this.#job.vertices[id] as JobVertex;
  }

  /**
   * The channels that a task reads first: what was on its way to it when its checkpoint was taken.
   *
   * @param bytesOf gives the bytes of what the states have in files.
   */
  restored(
    vertex: JobVertex,
    subtask: number,
    live: readonly SlotInput[],
    states: readonly ChannelStateSnapshot[],
    bytesOf?: BytesOf,
  ): readonly RestoredChannel[] {
    if (states.length === 0) return [];
    return vertex.inputs.flatMap((edge) =>
      restoredChannels({
        states,
        to: receiverOf(this.#graph, this.#job, edge, subtask),
        senders: this.#vertex(edge.sourceVertex).parallelism,
        input: edge.input,
        codec: this.#codec(edge),
        ...(bytesOf === undefined ? {} : { bytesOf }),
        channelOf: (sender) => {
          const channel = live.findIndex((one) => one.edge === edge.id && one.sender === sender);
          return channel < 0 ? undefined : channel;
        },
      }),
    );
  }
}
