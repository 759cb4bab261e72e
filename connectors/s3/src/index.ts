/**
 * Checkpoints and savepoints in S3, and in stores that speak its protocol: importing this package makes URLs of the
 * form `s3://bucket/prefix` possible wherever Millstream takes the directory of checkpoints or savepoints.
 *
 * A job module imports it, so that every thread of the job has it.
 */

import { registerCheckpointStore } from 'millstream';
import type { S3Options } from './options.ts';
import { openS3Store } from './s3-store.ts';

export type { S3Options } from './options.ts';

const SCHEMES = ['s3', 's3a'];

/**
 * Says how S3 is reached, where that is not what the environment says: AWS's variables (`AWS_REGION`,
 * `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_ENDPOINT_URL_S3`), its configuration files,
 * and the roles of machines and containers.
 *
 * Call it at the top of the job module: every thread of the job loads that, and needs to know. A later call replaces
 * an earlier one, for stores that are opened after it.
 *
 * @throws OPTION_INVALID for a part size below 5 MiB, and for half a pair of keys.
 *
 * @example
 * ```ts no-run
 * import { configureS3 } from '@millstream/s3';
 *
 * configureS3({ endpoint: 'http://127.0.0.1:9000', pathStyle: true });
 * ```
 */
export function configureS3(options: S3Options): void {
  const open = openS3Store(options);
  for (const scheme of SCHEMES) registerCheckpointStore(scheme, open);
}

configureS3({});
