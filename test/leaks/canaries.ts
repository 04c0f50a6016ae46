import { randomBytes } from 'node:crypto';
import type { Canary } from './canary.ts';

/** One for each thing that is a person's, or was said to or about one; new in each run, so that nothing but the run can have left them. */
export function personalCanaries() {
  const run = randomBytes(4).toString('hex');
  const id = (what: string): string => `Kanari.${what}.${run}`;
  const text = (what: string): string => `Kanarienvögel "${what}" =${run}%~~~???>>>`;
  const mail = (what: string): string => `${id(what)}@canary.example`;
  const phone = `+43676${String(Number.parseInt(run, 16) % 10_000_000).padStart(7, '0')}`;
  const values = {
    recipientId: mail('recipient'),
    otherRecipientId: mail('other'),
    email: mail('email'),
    inlineEmail: mail('inline'),
    batchEmail: mail('batch'),
    scheduledEmail: mail('scheduled'),
    simulated: `bounce+${id('bounce')}@simulator.tidings`,
    refusedAddress: `${id('refused')} is no address`,
    testAddress: mail('test'),
    formAddress: mail('form'),
    cliAddress: mail('cli'),
    /** Its mail server says no, and quotes it. */
    quoted: mail('quoted'),
    deferredAddress: mail('later'),
    phone,
    pushToken: `${id('push')}:~~~???>>>`,
    webhookUrl: `https://hooks.example.com/${id('hook')}?who=${run}`,
    walletId: id('wallet'),
    deviceId: id('device'),
    endpointId: id('endpoint'),
    deviceToken: id('token'),
    endpoint: `https://hooks.example.com/${id('own-endpoint')}`,
    name: text('name'),
    attribute: text('attribute'),
    tag: text('tag'),
    variable: text('variable'),
    ownVariable: text('own'),
    batchVariable: text('of-batch'),
    lineVariable: text('of-line'),
    content: text('content'),
    metadata: text('metadata'),
    dedupKey: text('dedup'),
    idempotencyKey: id('idempotency key'),
    lineIdempotencyKey: id('of a line'),
    batchIdempotencyKey: id('of a batch'),
    uploadIdempotencyKey: id('of an upload'),
    changeIdempotencyKey: id('of a change'),
    key: text('key'),
    filename: `${id('file')}.txt`,
    uploadName: `${id('upload')}.txt`,
    ownFilename: `${id('own-file')}.txt`,
    cancelReason: text('cancelled'),
    redriveReason: text('redriven'),
    batchReason: text('batch-cancelled'),
    previewVariable: text('previewed'),
    testVariable: text('tested'),
    wrongVariable: text('wrong'),
    formText: text('form'),
    cliText: text('cli'),
    providerReply: id('reply'),
    jwtSub: mail('sub'),
    brokenLine: id('broken'),
    wrongMember: id('member'),
    requestId: mail('request'),
    query: mail('query'),
    bearer: id('bearer'),
  } as const;
  const files = { file: randomBytes(24), ownFile: randomBytes(24), upload: randomBytes(24) } as const;
  const list: readonly Canary[] = [
    ...Object.entries(values).map(([what, value]): Canary => ({ what, value, ...markOf(value) })),
    ...Object.entries(files).map(([what, value]): Canary => ({ what, value })),
  ];
  return { ...values, files, list };
}
export type Canaries = ReturnType<typeof personalCanaries>;

/** The same, which notes what was read of it: a canary that nobody says is found nowhere, and proves nothing. */
export function noted(canaries: Canaries): { readonly canaries: Canaries; readonly unsaid: () => readonly string[] } {
  const said = new Set<unknown>();
  const noting = <T extends object>(of: T): T =>
    new Proxy(of, {
      get: (target, name) => {
        said.add(name);
        return Reflect.get(target, name);
      },
    });
  return {
    canaries: noting({ ...canaries, files: noting(canaries.files) }),
    unsaid: () => canaries.list.flatMap(({ what }) => (said.has(what) ? [] : [what])),
  };
}

/** Of an address the part before the domain is enough to know it by. */
function markOf(value: string): { readonly mark?: string } {
  const at = value.lastIndexOf('@');
  return at < 0 ? {} : { mark: value.slice(0, at) };
}
