import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientOf } from '../support/client.ts';
import { cpuMsOf } from '../support/processUse.ts';
import { startProgram, type Program } from '../support/program.ts';
import { must } from './rounds.ts';
import type { MailCounter } from './mailCounter.ts';
import { FROM, MAIL, variablesOf } from './mail.ts';

/** The real program with everything in one process on its embedded database, and a caller with connections that are kept. */
export type Service = {
  readonly program: Program;
  /** Asks for one notification to one person; milliseconds until the answer had come. @throws when it is not 202. */
  readonly notify: (to: string, index: number) => Promise<number>;
  readonly cpuMs: () => number;
  /** @throws when it logged an error, or did not end well. */
  readonly stop: () => Promise<void>;
};

/** What one caller sends; some 1 kB. The mail's content is declared once, as a template, where `template` names it. */
const bodyOf = (to: string, index: number, template: string): string =>
  JSON.stringify({
    type: 'order_shipped',
    category: 'transactional',
    recipients: [{ email: to }],
    template: { key: template },
    variables: variablesOf(index),
  });

/** `profile`: with a CPU profile of each thread of the program in `<temporary files>/tidings-profiles`; `env`: added to its environment. */
export async function startService(
  dataDir: string,
  counter: MailCounter,
  profile: boolean,
  env: Readonly<Record<string, string>> = {},
): Promise<Service> {
  const program = await startProgram({
    dataDir,
    nodeArgs: profile ? ['--cpu-prof', `--cpu-prof-dir=${join(tmpdir(), 'tidings-profiles')}`] : [],
    env: {
      NODE_ENV: 'development',
      EMAIL_PROVIDERS: 'smtp',
      EMAIL_FROM: FROM,
      SMTP_URL: `smtp://127.0.0.1:${String(counter.port)}?connections=4&pipeline=16`,
      LOG_LEVEL: 'warn',
      ...env,
    },
  });
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 1_000 });
  const post = (path: string, body: string): Promise<{ readonly status: number; readonly text: string }> =>
    new Promise((resolve, reject) => {
      const headers = {
        Authorization: `Bearer ${program.key}`,
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
      };
      const sent = request(`${program.url}${path}`, { method: 'POST', agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.once('error', reject);
        response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      sent.once('error', reject);
      sent.end(body);
    });
  const template = 'order-shipped';
  const client = clientOf(
    () => program.url,
    () => program.key,
  );
  const drafted = await client.put(`/v1/templates/${template}`, { fallback: 'en', locales: { en: MAIL } });
  const published = await client.post(`/v1/templates/${template}/publish`);
  must(drafted.status === 201 && published.status === 200, `the template is published: ${JSON.stringify([drafted.body, published.body])}`);
  return {
    program,
    notify: async (to, index) => {
      const began = performance.now();
      const { status, text } = await post('/v1/notifications', bodyOf(to, index, template));
      must(status === 202, `a notification is accepted: ${String(status)} ${text}`);
      return performance.now() - began;
    },
    cpuMs: () => cpuMsOf(program.pid),
    stop: async () => {
      agent.destroy();
      const bad = program.faults();
      must(bad.length === 0, `the service logs no error: ${JSON.stringify(bad.slice(0, 3))}`);
      must((await program.stop()) === 0, 'the service ends well');
    },
  };
}
