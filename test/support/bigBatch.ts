import { request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { clientOf, eventually, NDJSON } from './client.ts';
import { cpuMsOf, memoryOf } from './processUse.ts';
import { startProgram, type Program } from './program.ts';

export type BigBatch = {
  readonly recipients: number;
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  /** The batch's first line; unless told, a short mail. Each recipient has a variable `name`. */
  readonly message?: object;
  readonly nodeArgs?: readonly string[];
  /** Another program than the service's own. */
  readonly entry?: string;
  /** Mails that have arrived. */
  readonly arrived: () => number;
  /** SIGKILL once so many have arrived, then a restart and the same upload again. */
  readonly killAt?: number;
  /** Milliseconds until it counts as failed. */
  readonly deadlineMs: number;
  readonly onProgress?: (what: string) => void;
};

/** Durations in milliseconds since the first line was sent. */
export type BigBatchResult = {
  readonly uploadedMs: number;
  readonly arrivedMs: number;
  readonly shownMs: number;
  readonly batch: any;
  /** The most memory that the process (the last one) held, in bytes. */
  readonly peakBytes: number;
  /** Time of the processor that the process (the last one) took from its ready line on, in milliseconds. */
  readonly cpuMs: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly bad: readonly object[];
};

const MESSAGE = {
  type: 'newsletter_issue',
  category: 'transactional',
  content: {
    subject: 'Issue {{ issue }} for {{ name }}',
    html: '<html><body><h1>Issue {{ issue }}</h1><p>Dear {{ name }}, here is what is new.</p></body></html>',
  },
  variables: { issue: '42' },
};
export const addressOf = (index: number): string => `reader-${String(index)}@example.com`;

function* lines(message: object, recipients: number): Generator<string> {
  yield `${JSON.stringify(message)}\n`;
  const PIECE = 200;
  for (let from = 0; from < recipients; from += PIECE) {
    let text = '';
    for (let at = from; at < Math.min(recipients, from + PIECE); at++)
      text += `${JSON.stringify({ recipientId: `reader-${String(at)}`, email: addressOf(at), variables: { name: `Reader ${String(at)}` } })}\n`;
    yield text;
  }
}

async function upload(program: Program, message: object, recipients: number): Promise<any> {
  const headers = { Authorization: `Bearer ${program.key}`, 'Idempotency-Key': 'big-batch', ...NDJSON };
  const sent = httpRequest(`${program.url}/v1/batches`, { method: 'POST', headers });
  const answer = new Promise<any>((resolve, reject) => {
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
      response.on('error', reject);
    });
    sent.on('error', reject);
  });
  answer.catch(() => undefined);
  await pipeline(Readable.from(lines(message, recipients)), sent);
  return answer;
}

function metricsIn(text: string): Readonly<Record<string, number>> {
  const found = [...text.matchAll(/^(tidings_(?!process)[\w]+(?:\{[^}]*\})?) (\S+)$/gm)];
  return Object.fromEntries(found.map(([, name = '', value]) => [name, Number(value)]));
}

/** One message to so many people through the real program, from the upload to the last mail and the last row. */
export async function runBigBatch(options: BigBatch): Promise<BigBatchResult> {
  const { recipients, message = MESSAGE, arrived, killAt, deadlineMs, onProgress = () => undefined } = options;
  const start = (): Promise<Program> => startProgram(options);
  let program = await start();
  const bad: object[] = [];
  const noteBad = (): void => void bad.push(...program.faults());
  try {
    const began = performance.now();
    let cpuBefore = cpuMsOf(program.pid);
    const since = (): number => Math.round(performance.now() - began);
    let uploading = upload(program, message, recipients);
    uploading.catch(() => undefined);
    if (killAt !== undefined) {
      await eventually(`${String(killAt)} have arrived`, () => (arrived() >= killAt ? true : undefined), { deadlineMs, seen: arrived });
      await program.kill();
      noteBad();
      onProgress(`killed after ${String(since())} ms, ${String(arrived())} had arrived`);
      // Whatever became of it: its service is gone.
      await uploading.catch(() => undefined);
      program = await start();
      cpuBefore = cpuMsOf(program.pid);
      onProgress(`restarted after ${String(since())} ms`);
      uploading = upload(program, message, recipients);
    }
    const answer = await uploading;
    const uploadedMs = since();
    if (answer?.status !== 202) throw new Error(`the batch was not accepted: ${JSON.stringify(answer)}`);
    onProgress(`uploaded after ${String(uploadedMs)} ms: ${JSON.stringify(answer.body)}`);
    const left = (): number => Math.max(1000, deadlineMs - since());
    await eventually('all have arrived', () => (arrived() >= recipients ? true : undefined), { deadlineMs: left(), seen: arrived });
    const arrivedMs = since();
    onProgress(`arrived after ${String(arrivedMs)} ms`);
    const client = clientOf(
      () => program.url,
      () => program.key,
    );
    let last: any;
    const batch = await eventually(
      'the counts add up',
      async () => {
        last = (await client.get(`/v1/batches/${String(answer.body.id)}`)).body;
        const { pending = 0, ...settled } = last.outcomes ?? {};
        const sum = Object.values<number>(settled).reduce((all, one) => all + one, 0);
        return pending === 0 && sum === recipients ? last : undefined;
      },
      { deadlineMs: left(), seen: () => last },
    );
    const shownMs = since();
    const metrics = metricsIn((await client.get('/metrics')).body as string);
    const peakBytes = memoryOf(program.pid, 'VmHWM');
    const cpuMs = cpuMsOf(program.pid) - cpuBefore;
    noteBad();
    if ((await program.stop()) !== 0) throw new Error('the program did not end well');
    return { uploadedMs, arrivedMs, shownMs, batch, peakBytes, cpuMs, metrics, bad };
  } finally {
    await program.kill();
  }
}
