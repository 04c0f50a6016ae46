import type { RecipientInput } from './notificationInput.ts';

/** One line of an upload: who it names, or why it can't be read. `raw`: as it was sent, by which a repeat is recognised. */
export type BatchLine = { readonly raw: string } & (
  { readonly recipient: RecipientInput } | { readonly refusal: { readonly code: string; readonly detail: string } }
);
export type ChunkSize = { readonly lines: number; readonly bytes: number };

/** Cut where a chunk has its lines or its bytes (UTF-8); a line is never split. Reads no further than it has to. */
export async function* chunksOf(lines: AsyncIterable<readonly BatchLine[]>, size: ChunkSize): AsyncGenerator<readonly BatchLine[]> {
  let chunk: BatchLine[] = [];
  let bytes = 0;
  for await (const some of lines) {
    for (const line of some) {
      const length = Buffer.byteLength(line.raw);
      if (chunk.length > 0 && (chunk.length >= size.lines || bytes + length > size.bytes)) {
        yield chunk;
        [chunk, bytes] = [[], 0];
      }
      chunk.push(line);
      bytes += length;
    }
  }
  if (chunk.length > 0) yield chunk;
}
