import { smtpProvider } from '../../../../src/adapters/providers/email/smtp.ts';
import { outgoing, providerContract, type Fate } from '../../../contract/provider.ts';
import { realSmtp, scriptedSmtp, type Script } from '../../../support/smtpServers.ts';
import { CLOCK, optionsFor } from './smtpCases.ts';

const keyOf = (raw: string): string => /^Message-ID: <(.*)@/m.exec(raw)?.[1] ?? '';

/** Fates by the local part of the recipient, told by a server of raw TCP. */
const behaviour = (): NonNullable<Script['on']> => {
  let to = '';
  return (step, { line }) => {
    if (step === 'rcpt') to = line;
    if (step === 'rcpt' && line.includes('permanent')) return '550 5.1.1 no such user <permanent@example.org>';
    if (step === 'rcpt' && line.includes('transient')) return '451 4.3.0 not now';
    if (step === 'rcpt' && line.includes('throttled')) return '450 4.7.28 too fast, try again in 30 seconds';
    if (step !== 'body' && step !== 'bdat') return undefined;
    return to.includes('unknown') ? 'cut' : to.includes('timeout') ? 'hang' : undefined;
  };
};

const ways: readonly [string, readonly string[], { readonly connections: number }][] = [
  ['one connection, pipelining', ['PIPELINING'], { connections: 1 }],
  ['one connection, one command at a time', ['8BITMIME'], { connections: 1 }],
  ['four connections, pipelining', ['PIPELINING'], { connections: 4 }],
];
for (const [name, capabilities, options] of ways) {
  providerContract(`smtp, ${name}`, async () => {
    const servers = await scriptedSmtp({ capabilities, on: byConnection() });
    return {
      provider: smtpProvider(optionsFor(servers.port, { ...options, deadlineMs: 2_000 }), { clock: CLOCK }),
      message: (fate: Fate, n: number) => outgoing(n, { to: `${fate}${n}@example.org` }),
      taken: () => Promise.resolve(servers.received.map(({ raw }) => keyOf(raw))),
      stop: servers.close,
    };
  });
}

providerContract('smtp, against a server of another make', async () => {
  const server = await realSmtp();
  return {
    provider: smtpProvider(optionsFor(server.port, { connections: 2 }), { clock: CLOCK }),
    message: (fate: Fate, n: number) => (fate === 'accepted' ? outgoing(n) : undefined),
    taken: () => Promise.resolve(server.received.map(({ raw }) => keyOf(raw))),
    stop: server.close,
  };
});

/** With several connections a step belongs to the newest recipient of its own. */
function byConnection(): NonNullable<Script['on']> {
  const each = new Map<number, ReturnType<typeof behaviour>>();
  return (step, it) => {
    const own = each.get(it.connection) ?? behaviour();
    each.set(it.connection, own);
    return own(step, it);
  };
}
