import { reject, type Rejection } from '../domain/kernel/rejection.ts';
import type { AttachmentRef } from '../domain/values/message.ts';
import type { TenantId } from '../domain/values/ids.ts';
import type { Caller } from './caller.ts';
import type { StoredFile } from './notificationPorts.ts';
import type { Indexes } from './ports.ts';

/** What stands under the id now: this file, stored just now or before, or another one. */
export type Uploaded = { readonly ref: AttachmentRef; readonly is: 'new' | 'same' | 'other' };
/** Files that are uploaded before anything names them: gone after a day unless a request does. */
export interface Uploads {
  /** `id` absent: a new one. @throws PortError `unavailable`. */
  upload(tenant: TenantId, file: StoredFile, id?: string): Promise<Uploaded>;
}
export type UploadPorts = { readonly uploads: Uploads; readonly indexes: Indexes };
/** `repeated`: under the same idempotency key, so it is the first upload. */
export type UploadResult = { readonly ref: AttachmentRef; readonly repeated: boolean };

const REUSED = reject('idempotency_key_reused', 'this Idempotency-Key came before with another file; use a new key for a new upload');

/** Keeps a file for a request to come. Its id derives from the idempotency key, so a repeat finds the file there. Throws PortError. */
export const uploadFile =
  ({ uploads, indexes }: UploadPorts) =>
  async ({ tenant, idempotencyKey }: Caller, file: StoredFile): Promise<UploadResult | Rejection<'idempotency_key_reused'>> => {
    const id = idempotencyKey === undefined ? undefined : `att_${await indexes.uuid(tenant, 'attachment', idempotencyKey)}`;
    const { ref, is } = await uploads.upload(tenant, file, id);
    return is === 'other' ? REUSED : { ref, repeated: is === 'same' };
  };
