import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { smtpLedger } from './smtpLedger.ts';
import type { FromSink, Taken, ToSink } from './sink.ts';

// The other side, in a process of its own: what it has taken is known whatever becomes of those who sent it.
const nonce = process.argv[2] ?? '';
let taken: Taken[] = [];
/** Keys that have been delivered: a repeated one is not delivered again. */
const keys = new Set<string>();
let [asked, told] = [0, 0];
const refused = new Set<string>();

const say = (what: FromSink): void => {
  process.send?.(what);
};
const flush = (): void => {
  if (taken.length > 0 || asked > told) say({ taken, asked });
  [taken, told] = [[], asked];
};

/** `once-…` is refused for good the first time, and taken ever after. */
function refuse(recipient: string): string | undefined {
  if (!recipient.startsWith('once-') || refused.has(recipient)) return undefined;
  refused.add(recipient);
  return '550 5.1.1 not the first time\r\n';
}

const smtp = await smtpLedger({ name: nonce, refuse, onTaken: (to) => taken.push({ by: 'smtp', to }) });

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of request.setEncoding('utf8')) text += String(piece);
  return text;
}
/** A provider that takes idempotency keys. */
const http = createServer((request, response) => {
  void bodyOf(request).then((text) => {
    for (const { key, to } of text === '' ? [] : (JSON.parse(text) as readonly { readonly key: string; readonly to: string }[])) {
      asked += 1;
      if (keys.has(key)) continue;
      keys.add(key);
      taken.push({ by: 'keyed', to });
    }
    response.end(nonce);
  });
});
await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));

const beat = setInterval(flush, 20);
process.on('message', (message: ToSink) => {
  flush();
  say({ flushed: message.flush });
});
process.on('disconnect', () => {
  clearInterval(beat);
  process.exit(0);
});
say({ smtpPort: smtp.port, httpPort: (http.address() as AddressInfo).port });
