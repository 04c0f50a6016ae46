import { createServer } from 'node:net';
import { openSession } from '../../adapters/providers/email/smtpSession.ts';
import { parseSmtpUrl } from '../../adapters/providers/email/smtpUrl.ts';
import type { Config } from '../../config.ts';
import { isRejection } from '../../domain/kernel/rejection.ts';
import { membersOf, textIn } from '../answer.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

const SMTP_NEXT: Readonly<Record<string, string>> = {
  auth_failed: 'Check user and password in SMTP_URL.',
  auth_requires_tls: 'Use smtps:// or a server with STARTTLS: no password leaves in clear.',
  auth_unsupported: 'Leave user and password out of SMTP_URL, or ask the server for PLAIN or LOGIN.',
  starttls_required: 'Use smtps://, or a port where the server offers STARTTLS (587).',
  tls_failed: 'Check the certificate of the server, its name included.',
};

/** Greets, secures and logs in as a delivery would, and says goodbye: no message is sent. */
export async function checkSmtp({ email }: Pick<Config, 'email'>): Promise<readonly Finding[]> {
  if (email.smtpUrl === undefined) return [];
  const options = parseSmtpUrl(email.smtpUrl);
  if (isRejection(options)) return [fail('smtp', options.detail, 'Correct SMTP_URL.')];
  const session = await openSession(options);
  const at = `${options.host}:${options.port}`;
  if ('outcome' in session)
    return [fail('smtp', `${at}: ${session.code}`, SMTP_NEXT[session.code] ?? 'Check host and port of SMTP_URL, and the firewall.')];
  const { encrypted } = session.wire;
  session.wire.quit();
  if (encrypted || options.tls === 'off') return [ok('smtp', `${at} takes mail${encrypted ? ' over TLS' : ''}`)];
  return [warn('smtp', `${at} takes mail, in clear`, 'Add tls=required to SMTP_URL where the server knows STARTTLS.')];
}

/** Whether Tidings answers there. */
export async function isServing(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(3000), redirect: 'manual' });
    return response.status === 200 && membersOf(await response.json())['status'] === 'live';
  } catch {
    return false;
  }
}

/** undefined: it is free. */
const takenBy = (host: string, port: number): Promise<string | undefined> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error) => {
      resolve(textIn(error, 'code') ?? error.name);
    });
    probe.listen({ host, port, exclusive: true }, () => {
      probe.close(() => {
        resolve(undefined);
      });
    });
  });

const browsable = (host: string): string =>
  host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;

/** `own`: where the service of this data directory serves. */
export async function checkPort({ http: { host, port, orNext } }: Config, own: string | undefined): Promise<Finding> {
  const at = `${host}:${port}`;
  const code = port === 0 ? undefined : await takenBy(host.replace(/^\[|\]$/g, ''), port);
  if (code === undefined) return ok('port', port === 0 ? 'any free one' : `${at} is free`);
  if (code !== 'EADDRINUSE')
    return fail('port', `${at} cannot be opened (${code})`, 'Set HOST to an address of this machine, PORT to 1024 or more.');
  const there = `http://${browsable(host)}:${port}`;
  if (own !== undefined && new URL(own).port === String(port)) return ok('port', `${at} is served by this installation`);
  if (await isServing(there)) return warn('port', `${at} is served by another Tidings`, 'Stop it, or set PORT.');
  if (orNext) return warn('port', `${at} is taken by another program`, 'start takes the next free one; or set PORT.');
  return fail('port', `${at} is taken by another program`, 'Stop it, or set PORT.');
}
