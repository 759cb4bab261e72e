/** How S3 is reached. */

import { MillstreamError } from 'millstream';

/** All of it is optional: what is missing comes from AWS's variables and files, as for every program that uses S3. */
export interface S3Options {
  /** URL of a store that is not AWS's own, such as `https://minio.example.com:9000`. */
  readonly endpoint?: string;
  /** Default: with an endpoint `us-east-1`, which stores other than AWS's accept; else what AWS's environment says. */
  readonly region?: string;
  /** Both keys or none. They are never printed, logged or put into messages. */
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  /** Bucket in the path instead of the host name. Default: true with an endpoint, else false. */
  readonly pathStyle?: boolean;
  /** Bytes of a part of a large file, at least 5 MiB (5 242 880), which is the default. */
  readonly partBytes?: number;
  /** Parts of one file that are under way at a time, each in memory. Default 3. */
  readonly partsAtOnce?: number;
  /** How often a request is tried, with growing pauses in between. Default 5. */
  readonly attemptsMax?: number;
  /** Milliseconds until a request that makes no progress is tried again. Default 30 000. */
  readonly timeoutMs?: number;
}

/** The smallest part that S3 takes, except for the last. */
const PART_BYTES_MIN = 5 * 1024 * 1024;

/** Options, complete. */
export interface S3Settings {
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  readonly credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined;
  readonly pathStyle: boolean;
  readonly partBytes: number;
  readonly partsAtOnce: number;
  readonly attemptsMax: number;
  readonly timeoutMs: number;
}

export function s3Settings(options: S3Options): S3Settings {
  const { endpoint, accessKeyId, secretAccessKey, sessionToken } = options;
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
    throw invalid('accessKeyId and secretAccessKey must be given together, or neither of them');
  const { partBytes = PART_BYTES_MIN, partsAtOnce = 3, attemptsMax = 5, timeoutMs = 30_000 } = options;
  if (!Number.isInteger(partBytes) || partBytes < PART_BYTES_MIN)
    throw invalid(`partBytes must be a whole number of at least ${PART_BYTES_MIN}, but is ${partBytes}`);
  if (!Number.isInteger(partsAtOnce) || partsAtOnce < 1)
    throw invalid(`partsAtOnce must be a whole number of at least 1, but is ${partsAtOnce}`);
  if (!Number.isInteger(attemptsMax) || attemptsMax < 1)
    throw invalid(`attemptsMax must be a whole number of at least 1, but is ${attemptsMax}`);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1)
    throw invalid(`timeoutMs must be a whole number of at least 1, but is ${timeoutMs}`);
  if (endpoint !== undefined && !URL.canParse(endpoint)) throw invalid('endpoint must be a URL');
  const credentials =
    accessKeyId === undefined || secretAccessKey === undefined
      ? undefined
      : { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  const pathStyle = options.pathStyle ?? endpoint !== undefined;
  const region = options.region ?? (endpoint === undefined ? undefined : 'us-east-1');
  return { endpoint, region, credentials, pathStyle, partBytes, partsAtOnce, attemptsMax, timeoutMs };
}

function invalid(why: string): MillstreamError {
  return new MillstreamError('OPTION_INVALID', `The options of S3 are not usable: ${why}.`);
}
