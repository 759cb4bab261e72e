/** What S3 says when it refuses, as errors of the catalogue, without anything that came near a credential. */

import { S3ServiceException } from '@aws-sdk/client-s3';
import { MillstreamError } from 'millstream';

/** The HTTP status of a refusal; undefined for failures of the network, and others. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/**
 * CHECKPOINT_STORAGE. The original error is not passed on: it holds the signed request, and the texts of servers repeat
 * keys and what was signed. Names, the status and the server's id of the request are what support asks for.
 */
export function s3Failure(what: string, place: string, error: unknown): MillstreamError {
  if (error instanceof MillstreamError) return error;
  const why = describe(error);
  const cause = new Error(why);
  cause.name = error instanceof Error ? error.name : 'Error';
  const status = statusOf(error);
  return new MillstreamError('CHECKPOINT_STORAGE', `Could not ${what} ${place}: ${why}.`, {
    cause,
    details: { place, ...(status === undefined ? {} : { status }) },
  });
}

function describe(error: unknown): string {
  if (error instanceof S3ServiceException) {
    const { httpStatusCode, requestId } = error.$metadata;
    const id = requestId === undefined ? '' : `, request ${requestId}`;
    return `${error.name} (HTTP ${httpStatusCode ?? 'without a status'}${id})${hint(error.name)}`;
  }
  if (!(error instanceof Error)) return 'an unknown failure';
  // Failures of the network say the address and nothing else.
  if ('code' in error && typeof error.code === 'string') return `${error.name}, ${error.code}`;
  return error.name === 'CredentialsProviderError' ? 'no credentials were found, see configureS3' : error.name;
}

function hint(name: string): string {
  switch (name) {
    case 'NoSuchBucket':
      return ': create the bucket';
    case 'AccessDenied':
      return ': the credentials need GetObject, PutObject, DeleteObject, AbortMultipartUpload and ListBucket there';
    case 'SignatureDoesNotMatch':
    case 'InvalidAccessKeyId':
      return ': check the credentials';
    default:
      return '';
  }
}
