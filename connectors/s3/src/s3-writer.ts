/**
 * Streams an object to S3: small ones as one request when they are finished, others in parts, a few of them under way
 * at a time.
 */

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { ObjectWriter } from 'millstream';
import { s3Failure, statusOf } from './failure.ts';

/** S3 takes 10 000 parts: after so many they become larger. */
const PARTS_PER_SIZE = 1_000;

const NOT_FOUND = 404;

interface Target {
  readonly Bucket: string;
  readonly Key: string;
}

export class S3Writer implements ObjectWriter {
  readonly #client: S3Client;
  readonly #target: Target;
  /** For messages. */
  readonly #place: string;
  readonly #partBytes: number;
  readonly #partsAtOnce: number;
  #length = 0;
  /** What is not sent yet: less than a part. */
  #rest: Uint8Array[] = [];
  #restBytes = 0;
  #uploadId: string | undefined;
  readonly #parts: CompletedPart[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;
  #begunToFinish = false;

  constructor(
    client: S3Client,
    target: Target,
    place: string,
    sizes: { readonly partBytes: number; readonly partsAtOnce: number },
  ) {
    this.#client = client;
    this.#target = target;
    this.#place = place;
    this.#partBytes = sizes.partBytes;
    this.#partsAtOnce = sizes.partsAtOnce;
  }

  get length(): number {
    return this.#length;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#attempt(async () => {
      this.#length += bytes.length;
      this.#rest.push(bytes);
      this.#restBytes += bytes.length;
      while (this.#restBytes >= this.#nextPartBytes()) await this.#sendPart(this.#take(this.#nextPartBytes()));
    });
  }

  #nextPartBytes(): number {
    return this.#partBytes * (1 + Math.floor(this.#parts.length / PARTS_PER_SIZE));
  }

  #take(length: number): Uint8Array {
    const whole = this.#rest.length === 1 ? (this.#rest[0] as Uint8Array) : Buffer.concat(this.#rest);
    this.#rest = whole.length > length ? [whole.subarray(length)] : [];
    this.#restBytes = whole.length - length;
    return whole.subarray(0, length);
  }

  async #sendPart(bytes: Uint8Array): Promise<void> {
    this.#uploadId ??= await this.#begin();
    const part: CompletedPart = { PartNumber: this.#parts.length + 1 };
    this.#parts.push(part);
    const sending = this.#send(part, this.#uploadId, bytes);
    this.#underWay.add(sending);
    void sending.then(() => this.#underWay.delete(sending));
    while (this.#underWay.size >= this.#partsAtOnce) await Promise.race(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** A second try of a beginning whose answer was lost leaves an upload without parts, which a sweep drops. */
  async #begin(): Promise<string> {
    const { UploadId } = await this.#client.send(new CreateMultipartUploadCommand(this.#target));
    if (UploadId === undefined) throw new Error('the answer to CreateMultipartUpload names no upload');
    return UploadId;
  }

  /** Never rejects. Sending a part twice replaces it. */
  async #send(part: CompletedPart, UploadId: string, Body: Uint8Array): Promise<void> {
    try {
      const { PartNumber } = part;
      const request = new UploadPartCommand({ ...this.#target, UploadId, PartNumber, Body });
      part.ETag = (await this.#client.send(request)).ETag;
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  async finish(): Promise<void> {
    await this.#attempt(async () => {
      this.#begunToFinish = true;
      if (this.#uploadId === undefined) {
        await this.#client.send(new PutObjectCommand({ ...this.#target, Body: this.#take(this.#restBytes) }));
        return;
      }
      if (this.#restBytes > 0) await this.#sendPart(this.#take(this.#restBytes));
      await Promise.all(this.#underWay);
      if (this.#failure !== undefined) throw this.#failure.error;
      await this.#complete(this.#uploadId);
    });
  }

  async #complete(UploadId: string): Promise<void> {
    try {
      const MultipartUpload = { Parts: this.#parts };
      await this.#client.send(new CompleteMultipartUploadCommand({ ...this.#target, UploadId, MultipartUpload }));
    } catch (error) {
      // An upload that is gone has been completed by an earlier try, or dropped: nobody else uses the key.
      if (statusOf(error) !== NOT_FOUND || !(await this.#isThere())) throw error;
    }
  }

  async #isThere(): Promise<boolean> {
    try {
      const { ContentLength } = await this.#client.send(new HeadObjectCommand(this.#target));
      return ContentLength === this.#length;
    } catch (error) {
      if (statusOf(error) === NOT_FOUND) return false;
      throw error;
    }
  }

  async abort(): Promise<void> {
    this.#rest = [];
    this.#restBytes = 0;
    await Promise.all(this.#underWay);
    try {
      if (this.#uploadId !== undefined)
        await this.#client.send(new AbortMultipartUploadCommand({ ...this.#target, UploadId: this.#uploadId }));
    } catch {
      // A listing finds it later.
    }
    if (!this.#begunToFinish) return;
    try {
      await this.#client.send(new DeleteObjectCommand(this.#target));
    } catch {
      // So it does here.
    }
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw s3Failure('write', this.#place, error);
    }
  }
}
