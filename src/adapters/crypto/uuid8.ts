/** A UUID of version 8 (RFC 9562 5.8), lower case: 122 bits of the first 16 bytes of a digest. */
export function uuid8(digest: Buffer): string {
  const bytes = Buffer.from(digest.subarray(0, 16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Parts as one text from which they can be told apart again: `["ab", "c"]` and `["a", "bc"]` differ. */
export const framed = (parts: readonly string[]): string => parts.map((part) => `${part.length}:${part}`).join('');
