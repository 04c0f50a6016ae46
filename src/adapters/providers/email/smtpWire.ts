import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { replyReader } from './smtpReply.ts';
import type { SmtpReply } from './smtpReply.ts';
import type { SmtpOptions } from './smtpUrl.ts';

/** Who listens to a connection. It is told of its end once, and hears nothing afterwards. */
export type WireListener = { readonly onReply: (reply: SmtpReply) => void; readonly onEnd: (code: string, detail?: string) => void };

const BY_ERRNO: { readonly [errno: string]: string } = {
  ECONNREFUSED: 'connection_refused',
  ENOTFOUND: 'dns_failed',
  EAI_AGAIN: 'dns_failed',
  EAI_FAIL: 'dns_failed',
  EHOSTUNREACH: 'host_unreachable',
  ENETUNREACH: 'host_unreachable',
  ETIMEDOUT: 'connect_timeout',
  EPROTO: 'tls_failed',
};
const TLS_ERRNO = /^(?:ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|INVALID_CA|ERROR_IN_CERT)/;

function codeOf(error: Error): string {
  const errno = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return BY_ERRNO[errno] ?? (TLS_ERRNO.test(errno) ? 'tls_failed' : 'connection_lost');
}

const tlsOptions = ({ host, verify, ca }: SmtpOptions): ConnectionOptions => ({
  host,
  ...(isIP(host) === 0 ? { servername: host } : {}),
  rejectUnauthorized: verify,
  minVersion: 'TLSv1.2',
  ...(ca === undefined ? {} : { ca }),
});

/** One TCP connection that speaks in replies. It owns its socket, and everything about it that can go wrong ends in `onEnd`. */
export class SmtpWire {
  #listener: WireListener;
  readonly #options: SmtpOptions;
  #socket: Socket | TLSSocket;
  #ended = false;
  #pending: () => number = () => 0;

  constructor(options: SmtpOptions, listener: WireListener) {
    this.#options = options;
    this.#listener = listener;
    const { host, port } = options;
    this.#socket = options.tls === 'implicit' ? connectTls({ ...tlsOptions(options), port }) : connect({ host, port });
    this.#attach(this.#socket);
  }

  get encrypted(): boolean {
    return 'encrypted' in this.#socket && this.#socket.encrypted;
  }

  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
  }

  /** Octets that came behind the last reply. */
  get pending(): number {
    return this.#pending();
  }

  /** One character per octet. `flushed` is called when the system has taken all of it. */
  write(text: string, flushed?: () => void): void {
    this.#socket.write(text, 'latin1', (error) => {
      if (error === undefined || error === null) flushed?.();
    });
  }

  /** STARTTLS was accepted: everything from here on is encrypted, and what came in clear behind the reply is refused. */
  upgrade(onSecure: () => void): void {
    const plain = this.#socket;
    if (this.#pending() > 0) {
      this.#end('protocol_error', 'data in clear behind STARTTLS');
      return;
    }
    plain.removeAllListeners('data');
    plain.removeAllListeners('close');
    plain.removeAllListeners('error');
    const secure = connectTls({ ...tlsOptions(this.#options), socket: plain }, onSecure);
    this.#socket = secure;
    this.#attach(secure);
  }

  /** Says goodbye and closes; nobody hears the answer. */
  quit(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.end('QUIT\r\n');
    // the other side has a moment to close; unref'd, so that it holds nobody up
    setTimeout(() => this.#socket.destroy(), 1_000).unref();
  }

  destroy(): void {
    this.#ended = true;
    this.#socket.destroy();
  }

  #end(code: string, detail?: string): void {
    if (this.#ended) return;
    this.destroy();
    this.#listener.onEnd(code, detail);
  }

  #attach(socket: Socket): void {
    const reader = replyReader(
      (reply) => {
        if (!this.#ended) this.#listener.onReply(reply);
      },
      () => {
        this.#end('protocol_error', 'not an SMTP reply');
      },
    );
    this.#pending = reader.pending;
    socket.setNoDelay(true);
    socket.on('data', reader.take);
    socket.on('error', (error) => {
      this.#end(codeOf(error), error.message);
    });
    socket.on('close', () => {
      this.#end('connection_lost');
    });
  }
}
