import { PortError } from '../../../domain/kernel/portError.ts';
import type { StreamName } from '../../../domain/values/ids.ts';

/** Between the name of an installation and the stream's; ours hold none before their first dash. */
const SEPARATOR = ':';

/** What the server calls our streams: several installations can share one, each under a name of its own (`acme:tenant-…`), one of them under none. */
export class StreamNames {
  readonly #prefix: string;

  constructor(prefix = '') {
    this.#prefix = prefix === '' ? '' : `${prefix}${SEPARATOR}`;
  }

  /** @throws PortError `invalid`, `bad_stream`: the name would be taken for that of another installation. */
  toServer(stream: StreamName): string {
    if (isOfSome(stream)) throw new PortError('invalid', 'bad_stream', `a stream name has no "${SEPARATOR}" before its first dash`);
    return `${this.#prefix}${stream}`;
  }

  /** Undefined: another installation's, or the server's own, whose names begin with a dollar sign. */
  ours(streamId: string): StreamName | undefined {
    if (!streamId.startsWith(this.#prefix)) return undefined;
    const name = streamId.slice(this.#prefix.length);
    return name.startsWith('$') || isOfSome(name) ? undefined : (name as StreamName);
  }

  /** With what the names begin of all streams of these nouns, or of all there are; undefined: with anything. */
  beginnings(nouns: readonly string[] | undefined): readonly string[] | undefined {
    // Without the dash: it need not have one.
    if (nouns) return nouns.map((noun) => `${this.#prefix}${noun}`);
    return this.#prefix === '' ? undefined : [this.#prefix];
  }
}

const isOfSome = (name: string): boolean => (name.split('-', 1)[0] ?? '').includes(SEPARATOR);
