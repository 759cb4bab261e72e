/** The contract of the seam, by a real broker and by the simulated cluster. */
import { after, before } from 'node:test';
import { createSimulation, type Simulation } from 'millstream/testing';
import { SimulatedKafka, simulatedKafkaClient } from '@millstream/kafka/testing';
import { KafkaCluster } from './broker/cluster.ts';
import { contractTests, TIMEOUT_MAX_MS, type ContractSubject } from './contract.ts';
import { clientOf, WORLD } from './fixture.ts';

let cluster: KafkaCluster;
before(async () => {
  cluster = await KafkaCluster.start({
    settings: {
      'transaction.max.timeout.ms': TIMEOUT_MAX_MS,
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': 200,
    },
  });
});
after(() => cluster.stop());

contractTests('a real broker', (): ContractSubject => ({
  world: WORLD,
  connect: () => clientOf(cluster),
  createTopic: (topic, partitions) => cluster.createTopic(topic, partitions),
  deleteRecords: (topic, partition, before) => cluster.deleteRecords(topic, partition, before),
  restart: async () => {
    await cluster.kill();
    cluster.restart();
    await cluster.ready();
  },
  settle: (promise) => promise,
}));

let simulations = 0;

contractTests('a simulated broker', (): ContractSubject => {
  const simulation = createSimulation(++simulations);
  const kafka = new SimulatedKafka(simulation, { brokers: 1, transactionTimeoutMaxMs: TIMEOUT_MAX_MS });
  return {
    world: simulation.world('client'),
    connect: () => simulatedKafkaClient(simulation.world('client'), 'contract'),
    createTopic: (topic, partitions) => Promise.resolve(kafka.createTopic(topic, partitions)),
    deleteRecords: (topic, partition, before) => Promise.resolve(kafka.deleteRecords(topic, partition, before)),
    restart: () => restart(kafka, simulation),
    settle: (promise) => settle(simulation, promise),
  };
});

function restart(kafka: SimulatedKafka, simulation: Simulation): Promise<void> {
  kafka.kill(1);
  return new Promise((resolve) => {
    simulation.after(50, () => {
      kafka.restart(1);
      resolve();
    });
  });
}

async function settle<T>(simulation: Simulation, promise: Promise<T>): Promise<T> {
  try {
    return await simulation.settle(promise);
  } finally {
    simulation.close();
  }
}
