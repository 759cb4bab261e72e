/**
 * A bucket, or a part of it, as a store of checkpoints.
 *
 * Small objects are one request. What must happen once is a conditional request: `If-None-Match: *` for new objects,
 * `If-Match` with the ETag for registers, whose bytes hold an id of their write, so that no two versions have the same
 * ETag. A condition that fails may mean that an earlier try of the same request got through and its answer was lost:
 * the object is then read, and known again by its bytes.
 */

import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type GetObjectCommandOutput,
} from '@aws-sdk/client-s3';
import {
  MillstreamError,
  type CheckpointStoreFactory,
  type ObjectStore,
  type ObjectWriter,
  type Register,
  type StoredObject,
} from 'millstream';
import { s3Failure, statusOf } from './failure.ts';
import { s3Settings, type S3Options, type S3Settings } from './options.ts';
import { S3Writer } from './s3-writer.ts';

/** S3's own limit. */
const DELETES_PER_REQUEST = 1_000;

/** How often a request is repeated because another one for the same key was under way. */
const CONFLICTS_MAX = 8;

const NOT_FOUND = 404;
const CONFLICT = 409;
const PRECONDITION_FAILED = 412;
const RANGE_NOT_SATISFIABLE = 416;

/** @throws OPTION_INVALID */
export function openS3Store(options: S3Options): CheckpointStoreFactory {
  const settings = s3Settings(options);
  return (url) => new S3Store(url, settings);
}

class S3Store implements ObjectStore {
  readonly url: string;
  readonly #bucket: string;
  /** Of all keys: empty, or ends in a slash. */
  readonly #prefix: string;
  readonly #client: S3Client;
  readonly #settings: S3Settings;

  constructor(url: URL, settings: S3Settings) {
    this.url = url.href.replace(/\/+$/, '');
    this.#bucket = url.hostname;
    if (this.#bucket === '')
      throw new MillstreamError('OPTION_INVALID', `${url.protocol} URLs name a bucket: s3://bucket/prefix.`);
    const path = decodeURIComponent(url.pathname).replaceAll(/^\/+|\/+$/g, '');
    this.#prefix = path === '' ? '' : `${path}/`;
    this.#settings = settings;
    this.#client = clientOf(settings);
  }

  #target(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }

  // Objects.

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.#get(key))?.bytes;
  }

  async #get(key: string, range?: string): Promise<{ bytes: Uint8Array; etag: string } | undefined> {
    return await this.#attempt('read', key, async () => {
      let answer: GetObjectCommandOutput;
      try {
        answer = await this.#client.send(
          new GetObjectCommand({ ...this.#target(key), ...(range === undefined ? {} : { Range: range }) }),
        );
      } catch (error) {
        if (statusOf(error) === NOT_FOUND && (error as Error).name !== 'NoSuchBucket') return undefined;
        if (statusOf(error) === RANGE_NOT_SATISFIABLE) return { bytes: new Uint8Array(0), etag: '' };
        throw error;
      }
      const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array(0);
      return { bytes, etag: answer.ETag ?? '' };
    });
  }

  async getRange(key: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    if (length === 0) return new Uint8Array(0);
    return (await this.#get(key, `bytes=${offset}-${offset + length - 1}`))?.bytes;
  }

  async putNew(key: string, bytes: Uint8Array): Promise<boolean> {
    return (await this.#putIf(key, bytes, { IfNoneMatch: '*' })) !== undefined;
  }

  /** The new ETag; undefined when the condition does not hold. */
  async #putIf(
    key: string,
    bytes: Uint8Array,
    condition: { readonly IfNoneMatch: '*' } | { readonly IfMatch: string },
  ): Promise<string | undefined> {
    return await this.#attempt('write', key, async () => {
      for (let conflicts = 0; ; conflicts++) {
        try {
          const put = new PutObjectCommand({ ...this.#target(key), Body: bytes, ...condition });
          return (await this.#client.send(put)).ETag ?? '';
        } catch (error) {
          const status = statusOf(error);
          if (status === CONFLICT && conflicts < CONFLICTS_MAX) continue;
          // Where there is nothing, no version matches.
          if (status === NOT_FOUND && 'IfMatch' in condition && (error as Error).name !== 'NoSuchBucket')
            return undefined;
          if (status !== PRECONDITION_FAILED) throw error;
          const there = await this.#get(key);
          return there !== undefined && Buffer.from(there.bytes).equals(bytes) ? there.etag : undefined;
        }
      }
    });
  }

  openWriter(key: string): ObjectWriter {
    return new S3Writer(this.#client, this.#target(key), `${this.url}/${key}`, this.#settings);
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += DELETES_PER_REQUEST) {
      const batch = keys.slice(at, at + DELETES_PER_REQUEST);
      await this.#attempt('remove objects from', '', async () => {
        const Objects = batch.map((key) => ({ Key: this.#prefix + key }));
        const request = new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } });
        const { Errors: errors = [] } = await this.#client.send(request);
        const [first] = errors.filter((error) => error.Code !== 'NoSuchKey');
        if (first === undefined) return;
        throw new MillstreamError(
          'CHECKPOINT_STORAGE',
          `Could not remove ${errors.length} objects from ${this.url}, one of them ${first.Key}: ${first.Code}.`,
        );
      });
    }
  }

  // Registers.

  async readRegister(key: string): Promise<Register | undefined> {
    const found = await this.#get(key);
    return found === undefined ? undefined : { bytes: found.bytes, version: found.etag };
  }

  async writeRegister(key: string, bytes: Uint8Array, expected: string | undefined): Promise<string | undefined> {
    return await this.#putIf(key, bytes, expected === undefined ? { IfNoneMatch: '*' } : { IfMatch: expected });
  }

  async removeRegister(key: string): Promise<void> {
    await this.#attempt('remove', key, () => this.#client.send(new DeleteObjectCommand(this.#target(key))));
  }

  // Cleaning.

  async list(prefix: string): Promise<readonly StoredObject[]> {
    return await this.#attempt('list', prefix, async () => {
      const found: StoredObject[] = [];
      await this.#listObjects(prefix, found);
      await this.#listUploads(prefix, found);
      return found;
    });
  }

  async #listObjects(prefix: string, into: StoredObject[]): Promise<void> {
    let token: string | undefined;
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: this.#prefix + prefix,
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      );
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        // Some stores list the directories that they keep objects in.
        if (Key.endsWith('/')) continue;
        into.push({ key: Key.slice(this.#prefix.length), bytes: Size, modifiedAt: LastModified?.getTime() ?? 0 });
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  async #listUploads(prefix: string, into: StoredObject[]): Promise<void> {
    let marker: { readonly KeyMarker: string; readonly UploadIdMarker?: string } | undefined;
    do {
      const page = await this.#client.send(
        new ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: this.#prefix + prefix, ...marker }),
      );
      for (const { Key = '', UploadId = '', Initiated } of page.Uploads ?? []) {
        const key = Key.slice(this.#prefix.length);
        into.push({ key, bytes: 0, modifiedAt: Initiated?.getTime() ?? 0, upload: UploadId });
      }
      const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
      marker =
        IsTruncated !== true || NextKeyMarker === undefined
          ? undefined
          : {
              KeyMarker: NextKeyMarker,
              ...(NextUploadIdMarker === undefined ? {} : { UploadIdMarker: NextUploadIdMarker }),
            };
    } while (marker !== undefined);
  }

  async dropUploads(uploads: readonly StoredObject[]): Promise<void> {
    for (const { key, upload } of uploads) {
      await this.#attempt('drop an upload to', key, async () => {
        try {
          await this.#client.send(new AbortMultipartUploadCommand({ ...this.#target(key), UploadId: upload }));
        } catch (error) {
          if (statusOf(error) !== NOT_FOUND) throw error;
        }
      });
    }
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async #attempt<T>(what: string, key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw s3Failure(what, key === '' ? this.url : `${this.url}/${key}`, error);
    }
  }
}

function clientOf(settings: S3Settings): S3Client {
  const { endpoint, credentials, region } = settings;
  return new S3Client({
    forcePathStyle: settings.pathStyle,
    maxAttempts: settings.attemptsMax,
    retryMode: 'standard',
    // What is stored carries checksums of its own, and not every store knows those of S3.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: settings.timeoutMs,
      requestTimeout: settings.timeoutMs,
      throwOnRequestTimeout: true,
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
  });
}
