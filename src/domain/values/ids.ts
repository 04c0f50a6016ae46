declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type TenantId = Branded<'TenantId'>;
/** Our random id of a recipient (22 characters of base64url, 128 bits); the only one that streams, rows and logs carry. */
export type SubjectId = Branded<'SubjectId'>;
/** Lower-case UUID: version 8 from an idempotency key, else version 7. */
export type NotificationId = Branded<'NotificationId'>;
export type BatchId = Branded<'BatchId'>;
/** `<notificationId>_<n>`, n = 8 × the recipient's index + the channel's number. */
export type DeliveryId = Branded<'DeliveryId'>;
/** `<noun>-<tenant>_<id>`. */
export type StreamName = Branded<'StreamName'>;
/** Keyed hash (HMAC-SHA-256, base64url) of something personal: an address, a caller's key, a recipientId. */
export type KeyedHash = Branded<'KeyedHash'>;
/** A place in the global event order: fixed width, sorts bytewise, opaque outside the store adapters. */
export type Position = Branded<'Position'>;

/** Of a position of whichever store: digits, as many as that one needs. */
export const POSITION = /^(?:[0-9]{16}|[0-9]{20})$/;

const TENANT = /^[a-z0-9][a-z0-9-]{0,62}$/;
const OUTSIDE_ID = /^[A-Za-z0-9_.:-]{1,128}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SUBJECT = /^[A-Za-z0-9_-]{22}$/;

export const isTenantId = (text: string): text is TenantId => TENANT.test(text);
/** An id that comes from outside (type, category, template, correlation): 1 to 128 of `[A-Za-z0-9_.:-]`. */
export const isOutsideId = (text: string): boolean => OUTSIDE_ID.test(text);
export const isNotificationId = (text: string): text is NotificationId => UUID.test(text);
export const isBatchId = (text: string): text is BatchId => UUID.test(text);
export const isSubjectId = (text: string): text is SubjectId => SUBJECT.test(text);

/** The one place where text becomes a branded id without a check: for ids that our own code has just put together. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters, @typescript-eslint/consistent-type-assertions -- a brand exists only for the compiler
export const trusted = <Id extends string>(text: string): Id => text as Id;
