import type { Request } from 'express';
import type { Ids } from '../commands/ports.ts';
import { PortError } from '../domain/kernel/portError.ts';
import type { Health, MetricsText, RequestLog } from './ports.ts';
import { problemOf, refuse, type Refusal } from './problems.ts';
import { requestIdOf } from './requestFacts.ts';

export type ProbePorts = { readonly health: Health; readonly metrics: MetricsText; readonly ids: Ids; readonly log: RequestLog };

/** Of a request and its answer what is looked at and written here. */
type Asking = { readonly method?: string | undefined; readonly url?: string | undefined; readonly headers: Request['headers'] };
type Answering = {
  writeHead(status: number, fields: Readonly<Record<string, string | number>>): unknown;
  end(text: string): unknown;
};
type Sent = { readonly status: number; readonly type: string; readonly text: string; readonly headers?: Readonly<Record<string, string>> };
type Asked = { readonly operation: string; readonly answer: () => Promise<Sent> };

const json = (status: number, body: object): Sent => ({ status, type: 'application/json; charset=utf-8', text: JSON.stringify(body) });

/**
 * What a process answers that does not serve the API: whether it lives, whether it can do its work, its figures, in the words of the API
 * (http/routes/service.ts), and nothing else. It takes no body and asks nobody who they are, so it needs nothing that the API is made of.
 */
export function probes({ health, metrics, ids, log }: ProbePorts): (req: Asking, res: Answering) => void {
  const answers = new Map<string, Asked>([
    ['/health/live', { operation: 'live', answer: () => health.live().then(() => json(200, { status: 'live' })) }],
    ['/health/ready', { operation: 'ready', answer: () => health.ready().then((it) => json(it.ready ? 200 : 503, it)) }],
    ['/metrics', { operation: 'metrics', answer: () => metrics.text().then(({ type, text }) => ({ status: 200, type, text })) }],
  ]);

  function refusalOf(error: unknown, requestId: string): Refusal {
    log.failed(error, requestId);
    return error instanceof PortError && error.kind === 'unavailable'
      ? refuse('unavailable', 'Try again after Retry-After.', { headers: { 'Retry-After': '2' } })
      : refuse('internal_error', 'Try again; if it stays, tell us the requestId.');
  }

  async function answerTo(asked: Asked | undefined, method: string, requestId: string): Promise<Sent & { readonly code?: string }> {
    const refused = (refusal: Refusal): Sent & { readonly code: string } => {
      const problem = problemOf(refusal, requestId);
      const sent = { ...json(problem.status, problem), type: 'application/problem+json; charset=utf-8', code: refusal.rejected };
      return refusal.headers === undefined ? sent : { ...sent, headers: refusal.headers };
    };
    if (asked === undefined) return refused(refuse('not_found', 'This process does not serve the API: ask one with the role api.'));
    if (method !== 'GET' && method !== 'HEAD')
      return refused(refuse('method_not_allowed', 'Use one of GET, HEAD.', { headers: { Allow: 'GET, HEAD' } }));
    return asked.answer().catch((error: unknown) => refused(refusalOf(error, requestId)));
  }

  async function serve(req: Asking, res: Answering): Promise<void> {
    const { method = '' } = req;
    const asked = answers.get(req.url?.split('?', 1)[0] ?? '');
    const requestId = requestIdOf(req, () => ids.uuid());
    const finish = log.begin();
    const { status, type, text, headers, code } = await answerTo(asked, method, requestId);
    const fields = { 'X-Request-Id': requestId, 'Cache-Control': 'private, no-store', 'X-Content-Type-Options': 'nosniff' };
    res.writeHead(status, { ...fields, 'Content-Type': type, 'Content-Length': Buffer.byteLength(text), ...headers });
    res.end(text);
    finish({ operation: asked?.operation ?? 'unknownPath', method, status, requestId, ...(code !== undefined && { code }) });
  }

  return (req, res) => void serve(req, res);
}
