/** The channels that a task reads first after a restore: those of its share of the channels' state. */

import {
  channelStatesFor,
  isSplitByRow,
  joinByChannel,
  rowsFor,
  type ReceiverOfEdge,
  type RowCodec,
} from './channel-redistribution.ts';
import { StateFrames, type ChannelStateSnapshot } from './channel-state.ts';
import { FrameReader } from './frame-reader.ts';
import type { RestoredChannel } from './input-gate.ts';
import { inlineBytes } from '../state/snapshot-data.ts';
import type { BytesOf } from '../state/snapshot.ts';

export interface RestoredChannelsOptions {
  readonly states: readonly ChannelStateSnapshot[];
  readonly to: ReceiverOfEdge;
  /** Subtasks that send on the edge now. */
  readonly senders: number;
  /** The input of the head operator that the edge feeds. */
  readonly input: number;
  readonly codec: RowCodec;
  /** Gives the bytes of what is in files. Default: everything is at hand. */
  readonly bytesOf?: BytesOf;
  /** The place of the channel from that sender among those of the task. */
  readonly channelOf: (sender: number) => number | undefined;
}

export function restoredChannels(options: RestoredChannelsOptions): readonly RestoredChannel[] {
  const { states, to, senders, input, codec, channelOf, bytesOf = inlineBytes } = options;
  const own = channelStatesFor(states, to).map((state) => {
    const bytes = bytesOf(state.bytes);
    return { ...state, bytes: isSplitByRow(state, to) ? rowsFor(bytes, to, codec) : bytes };
  });
  return joinByChannel(own).map(({ identity, bytes }): RestoredChannel => {
    // With another parallelism at either end no channel is what it was.
    const same = identity.senders === senders && identity.receivers === to.receivers;
    const continues = same && identity.sender >= 0 ? channelOf(identity.sender) : undefined;
    const sender = continues === undefined ? -1 : identity.sender;
    return {
      input,
      reader: new FrameReader(new StateFrames(bytes), codec.decoder),
      place: {
        identity: { edge: to.edge, sender, senders, receiver: to.receiver, receivers: to.receivers },
        encoder: () => codec.encoder,
      },
      ...(continues === undefined ? {} : { continues }),
    };
  });
}
