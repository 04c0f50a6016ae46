import { onTestFinished } from 'vitest';
import { smtpProvider } from '../../../../src/adapters/providers/email/smtp.ts';
import { parseSmtpUrl } from '../../../../src/adapters/providers/email/smtpUrl.ts';
import type { SmtpOptions } from '../../../../src/adapters/providers/email/smtpUrl.ts';
import { isRejection } from '../../../../src/domain/kernel/rejection.ts';
import type { Outgoing, Provider } from '../../../../src/processes/dispatch/provider.ts';
import { outgoing } from '../../../contract/provider.ts';
import { scriptedSmtp } from '../../../support/smtpServers.ts';
import type { Script, ScriptedServer } from '../../../support/smtpServers.ts';

export { outgoing };
export const CLOCK = { epochMs: () => Date.parse('2026-03-05T07:08:09.000Z') };

export const many = (count: number): readonly Outgoing[] => Array.from({ length: count }, (_, n) => outgoing(n));

export function optionsFor(port: number, more: Partial<SmtpOptions> = {}): SmtpOptions {
  const parsed = parseSmtpUrl(`smtp://127.0.0.1:${port}?connections=1&pipeline=16`);
  if (isRejection(parsed)) throw new Error(parsed.detail);
  return { ...parsed, ...more };
}

/** A provider that is closed when the test ends. */
export function sender(port: number, more: Partial<SmtpOptions> = {}): Provider {
  const provider = smtpProvider(optionsFor(port, more), { clock: CLOCK });
  onTestFinished(() => provider.close());
  return provider;
}

export async function scripted(script: Script = {}): Promise<ScriptedServer> {
  const server = await scriptedSmtp(script);
  onTestFinished(() => server.close());
  return server;
}
