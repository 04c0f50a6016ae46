import { smtpLedger } from '../support/smtpLedger.ts';

export type Counted = { readonly port: number } | { readonly mails: number; readonly people: number };

// The other side of every mail, in a process of its own: what it costs to take mails is nobody's figure.
const ledger = await smtpLedger({ name: process.argv[2] ?? '' });
const say = (what: Counted): void => {
  process.send?.(what);
};
let told = -1;
const beat = setInterval(() => {
  const mails = ledger.count();
  if (mails === told) return;
  told = mails;
  say({ mails, people: ledger.taken.size });
}, 10);
process.on('disconnect', () => {
  clearInterval(beat);
  process.exit(0);
});
say({ port: ledger.port });
