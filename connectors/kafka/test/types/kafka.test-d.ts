/** What the compiler must know of Kafka's sources and sinks, and what it must refuse. Compiled, never run. */
import { createEnvironment, json, WatermarkStrategy, type SingleOutputStream } from 'millstream';
import { kafkaSink, kafkaSource, OffsetsInitializer } from '@millstream/kafka';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<T extends boolean>(claim: T): void {
  void claim;
}

interface Order {
  readonly id: number;
  readonly user: string;
}

const env = createEnvironment();
const brokers = 'localhost:9092';

// The element type follows from the deserializer.
const orders = env.fromSource(
  kafkaSource({ brokers, topics: ['orders'], value: json<Order>() }),
  WatermarkStrategy.forBoundedOutOfOrderness(1_000),
  'orders',
);
same<Equal<typeof orders, SingleOutputStream<Order>>>(true);
const offsets = env.fromSource(
  kafkaSource({ brokers, topicPattern: /^orders/, deserializer: ({ offset }) => offset }),
  WatermarkStrategy.noWatermarks(),
  'offsets',
);
same<Equal<typeof offsets, SingleOutputStream<number>>>(true);
const texts = env.fromSource(
  kafkaSource({ brokers, partitions: [{ topic: 'a', partition: 0 }], value: (bytes) => bytes.toString() }),
  WatermarkStrategy.noWatermarks(),
  'texts',
);
same<Equal<typeof texts, SingleOutputStream<string>>>(true);

// A sink knows what it is given.
orders.sinkTo(kafkaSink({ brokers, topic: 'copies', key: (order) => order.user, value: json<Order>() }));
orders.sinkTo(kafkaSink<Order>({ brokers, topic: ({ user }) => user, value: ({ id }) => String(id) }));
orders.sinkTo(kafkaSink<Order>({ brokers, serializer: ({ id }) => ({ topic: 'ids', value: String(id) }) }));

// @ts-expect-error: a sink of orders takes no numbers.
offsets.sinkTo(kafkaSink<Order>({ brokers, topic: 'copies', value: json<Order>() }));
// @ts-expect-error: something must be read.
kafkaSource({ brokers, value: String });
// @ts-expect-error: topics and a pattern exclude each other.
kafkaSource({ brokers, topics: ['a'], topicPattern: /a/, value: String });
// @ts-expect-error: a value and a deserializer exclude each other.
kafkaSource({ brokers, topics: ['a'], value: String, deserializer: () => 1 });
// @ts-expect-error: there is no such place to begin.
kafkaSource({ brokers, topics: ['a'], value: String, startingOffsets: 'somewhere' });
// @ts-expect-error: something must be written.
kafkaSink<Order>({ brokers, topic: 'a' });
// @ts-expect-error: a number is neither bytes nor text.
kafkaSink<Order>({ brokers, topic: 'a', value: ({ id }) => id });
// @ts-expect-error: there is no such promise.
kafkaSink<Order>({ brokers, topic: 'a', value: json<Order>(), deliveryGuarantee: 'exactly-twice' });

void OffsetsInitializer.latest();
