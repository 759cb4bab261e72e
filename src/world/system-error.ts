/** What the system says about files, as the World tells it. */

import { StorageError } from '../base/world.ts';

export function storageError(error: unknown, path: string): StorageError {
  if (error instanceof StorageError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return new StorageError(typeof code === 'string' ? code : 'EIO', path, { cause: error });
}
