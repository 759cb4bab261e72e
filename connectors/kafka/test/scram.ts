/** Users of SCRAM, which the cluster itself keeps. */
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { alterUserScramCredentialsV0, Connection } from '@platformatic/kafka';
import { until } from './fixture.ts';
import type { KafkaCluster } from './broker/cluster.ts';

const ITERATIONS = 4_096;

/** The protocol's numbers of the mechanisms. */
const MECHANISMS = [
  [1, 'sha256', 32],
  [2, 'sha512', 64],
] as const;

export async function addScramUser(
  cluster: KafkaCluster,
  { username, password }: { readonly username: string; readonly password: string },
): Promise<void> {
  const connection = new Connection('test');
  await connection.connect('127.0.0.1', cluster.port());
  for (const [mechanism, hash, bytes] of MECHANISMS) {
    const salt = randomBytes(16);
    const saltedPassword = pbkdf2Sync(password, salt, ITERATIONS, bytes, hash);
    const upsertion = { name: username, mechanism, iterations: ITERATIONS, salt, saltedPassword };
    await until('the user can be added', async () => {
      try {
        await alterUserScramCredentialsV0.api.async(connection, [], [upsertion]);
        return true;
      } catch {
        return false;
      }
    });
  }
  await connection.close();
}
