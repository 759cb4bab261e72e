/**
 * Closes auctions: each runs from its first bid for ten minutes, is extended when somebody bids in the last minute, and
 * announces its winner when event time has passed its end. It takes no further bid for that: a timer does it.
 */

import { createEnvironment, valueState, WatermarkStrategy } from 'millstream';

const MINUTE = 60_000;

interface Bid {
  readonly auction: string;
  readonly bidder: string;
  readonly price: number;
  readonly time: number;
}

interface Auction {
  readonly best: Bid;
  readonly bids: number;
  readonly closesAt: number;
}

const BIDS: readonly Bid[] = [
  { auction: 'clock', bidder: 'ada', price: 10, time: 0 },
  { auction: 'lamp', bidder: 'bob', price: 5, time: 1 * MINUTE },
  { auction: 'clock', bidder: 'bob', price: 12, time: 4 * MINUTE },
  { auction: 'clock', bidder: 'cyd', price: 11, time: 5 * MINUTE }, // too low
  { auction: 'clock', bidder: 'ada', price: 20, time: 9.5 * MINUTE }, // in the last minute
  { auction: 'clock', bidder: 'bob', price: 21, time: 11 * MINUTE },
  { auction: 'lamp', bidder: 'cyd', price: 99, time: 15 * MINUTE }, // the lamp is gone
];

const env = createEnvironment();

env
  .fromCollection(BIDS)
  .assignTimestampsAndWatermarks(
    WatermarkStrategy.forPunctuated(
      (_bid, time) => time - 1,
      (bid) => bid.time,
    ),
  )
  .keyBy((bid) => bid.auction)
  .process({
    state: { auction: valueState<Auction>('auction') },

    processElement(bid, ctx) {
      const open = ctx.state.auction.value();
      if (open !== undefined && (bid.price <= open.best.price || bid.time >= open.closesAt)) return;
      const closesAt = open === undefined ? bid.time + 10 * MINUTE : Math.max(open.closesAt, bid.time + MINUTE);
      if (open !== undefined) ctx.timerService().deleteEventTimeTimer(open.closesAt);
      ctx.timerService().registerEventTimeTimer(closesAt);
      ctx.state.auction.update({ best: bid, bids: (open?.bids ?? 0) + 1, closesAt });
    },

    *onTimer(time, ctx) {
      const closed = ctx.state.auction.value();
      ctx.state.auction.clear();
      if (closed === undefined) return;
      const { best, bids } = closed;
      yield `${time / MINUTE} min: the ${best.auction} goes to ${best.bidder} for ${best.price}, the best of ${bids}`;
    },
  })
  .print();

await env.execute('auctions');
