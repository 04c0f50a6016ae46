import type { Mutant } from '../mutant.ts';

const smtpTest = 'test/adapters/providers/email/smtp.test.ts';
const cutsTest = 'test/adapters/providers/email/smtpCuts.test.ts';
const composeTest = 'test/adapters/providers/email/composeEmail.test.ts';

/** Mail: what it says, to whom, and what its server has taken. */
export const emailMutants: readonly Mutant[] = [
  {
    name: 'mail: a header may hold the end of a line',
    file: 'src/adapters/providers/email/headerFields.ts',
    find: 'FIELD_NAME.test(name) && !CONTROL.test(value) &&',
    put: 'FIELD_NAME.test(name) &&',
    killedBy: composeTest,
    testName: 'a mail that could become another is refused: header value with "\\r\\nBcc: x@example.com"',
  },
  {
    name: 'mail: a subject may hold the end of a line',
    file: 'src/adapters/providers/email/composeEmail.ts',
    find: "hasControl(subject) ? { refused: 'invalid_header' } :",
    put: '',
    killedBy: composeTest,
    testName: 'a mail that could become another is refused: subject with "\\r\\nBcc: x@example.com"',
  },
  {
    name: 'mail: a caller sets a header that is ours',
    file: 'src/adapters/providers/email/headerFields.ts',
    find: '!OWN.has(lower) &&',
    put: '',
    killedBy: composeTest,
    testName: 'a mail that could become another is refused: a header named "Bcc"',
  },
  {
    name: 'mail: To shows more than the one whom it goes to',
    file: 'src/adapters/providers/email/composeEmail.ts',
    find: 'to.mailboxes.length === 1 ? to.mailboxes[0] : undefined;',
    put: 'to.mailboxes[0];',
    killedBy: composeTest,
    testName: 'a mail that could become another is refused: to "a@example.org, b@example.org"',
  },
  {
    name: 'SMTP: leading dots are not doubled',
    file: 'src/adapters/providers/email/smtpLane.ts',
    find: "(raw.includes('\\r\\n.') ? raw.replaceAll('\\r\\n.', '\\r\\n..') : raw)",
    put: 'raw',
    killedBy: smtpTest,
    testName: 'mail by SMTP is not ended by a line that is a dot alone',
  },
  {
    name: 'SMTP: a refusal is taken for the verdict on the next recipient as well',
    file: 'src/adapters/providers/email/smtpLane.ts',
    find: '    slot.transaction.refused ??= refused;\n    this.#awaiting.shift();',
    put: '    for (const { transaction } of this.#awaiting) transaction.refused ??= refused;\n    this.#awaiting.shift();',
    killedBy: smtpTest,
    testName: 'mail by SMTP goes in chunks with CHUNKING, a refusal in the middle taking no other with it',
  },
  {
    name: 'SMTP: a reply that nobody asked for is taken for the next answer',
    file: 'src/adapters/providers/email/smtpLane.ts',
    find: "if (early) this.#lose(refusedAs('protocol_error'));\n    else this.#proceed();",
    put: 'if (early !== undefined) this.#proceed();',
    killedBy: smtpTest,
    testName: 'mail by SMTP gives up on a reply that nobody asked for',
  },
  {
    name: 'SMTP: what the server may have taken is sent again on another connection',
    file: 'src/adapters/providers/email/smtpLane.ts',
    find: "else if (sent) settle(job, { outcome: 'unknown', code: 'connection_lost' });",
    put: '',
    killedBy: cutsTest,
    testName: 'a connection that is cut, one command at a time once behind the data leaves one unknown and loses no other',
  },
  {
    name: 'SMTP: a password leaves without TLS',
    file: 'src/adapters/providers/email/smtpSession.ts',
    find: 'if (!dialogue.wire.encrypted && !authInClear) throw',
    put: 'if (!dialogue.wire.encrypted && !authInClear && auth === undefined) throw',
    killedBy: smtpTest,
    testName: 'a password never leaves without TLS, unless that is asked for',
  },
  {
    name: 'SMTP: certificates are not checked',
    file: 'src/adapters/providers/email/smtpWire.ts',
    find: 'rejectUnauthorized: verify,',
    put: 'rejectUnauthorized: verify && host === undefined,',
    killedBy: smtpTest,
    testName: 'a connection with TLS an authority nobody knows',
  },
];
