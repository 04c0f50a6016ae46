import { request, type Agent } from 'node:http';
import type { Program } from '../support/program.ts';

/** `what`: the status, or why there was no answer; `counted`: it tells how much of a limit is left. */
export type Answered = { readonly to: string; readonly what: string; readonly counted: boolean; readonly ms: number };

/** Asks for one mail over a connection that is kept; whoever waits longer than `mostMs` gives up. It never rejects. */
export function post({ url, key }: Program, agent: Agent, to: string, mostMs: number): Promise<Answered> {
  const body = JSON.stringify({
    type: 'order_confirmation',
    category: 'transactional',
    recipients: [{ email: to }],
    content: { subject: 'Order {{ number }}', html: '<p>Thank you for {{ number }}.</p>' },
    variables: { number: to },
  });
  const began = performance.now();
  return new Promise((resolve) => {
    const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const end = (what: string, counted = false): void => resolve({ to, what, counted, ms: performance.now() - began });
    const sent = request(`${url}/v1/notifications`, { method: 'POST', agent, headers, timeout: mostMs }, (response) => {
      response.resume();
      response.once('close', () => end(response.complete ? String(response.statusCode) : 'cut off', 'ratelimit' in response.headers));
    });
    sent.once('timeout', () => sent.destroy(new Error('hangs')));
    sent.once('error', (error: NodeJS.ErrnoException) => end(`${error.code ?? error.message}${sent.reusedSocket ? ', reused' : ''}`));
    sent.end(body);
  });
}
