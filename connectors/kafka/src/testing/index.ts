/**
 * Kafka for simulated jobs. The entry `@millstream/kafka/testing`; every name in it is listed here.
 */

export { simulatedKafkaClient } from './simulated-client.ts';
export {
  SimulatedKafka,
  type SimulatedKafkaFaults,
  type SimulatedKafkaOptions,
  type SimulatedRecord,
} from './simulated-kafka.ts';
