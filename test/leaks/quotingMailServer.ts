import { scriptedSmtp, type ScriptedServer } from '../support/smtpServers.ts';

/** An address, or the part before the @; refused for good unless `forNow`. */
export type Refused = { readonly who: string; readonly reply: string; readonly forNow?: true };

/** Refuses some, and says in its reply whom and why, as many servers do. */
export const quotingMailServer = (refused: readonly Refused[]): Promise<ScriptedServer> =>
  scriptedSmtp({
    on: (step, { line }) => {
      const it = step === 'rcpt' ? refused.find(({ who }) => line.toLowerCase().includes(who.toLowerCase())) : undefined;
      if (it === undefined) return undefined;
      return it.forNow === true
        ? `451 4.2.0 <${it.who}>: ${it.reply} come again`
        : `550 5.1.1 <${it.who}>: ${it.reply} nobody of that name`;
    },
  });
