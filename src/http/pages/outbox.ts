import type { Request, Response } from 'express';
import type { Acceptance, AcceptRequest } from '../../commands/acceptance.ts';
import { isAccepted } from '../../commands/acceptance.ts';
import type { AuditRecorder } from '../../commands/audit.ts';
import type { Clock } from '../../commands/ports.ts';
import type { Time } from '../../consumers/ports.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { present } from '../../domain/kernel/present.ts';
import { deliveryIdIn } from '../../domain/notification/delivery.ts';
import { CHANNELS } from '../../domain/values/channel.ts';
import type { Channel } from '../../domain/values/channel.ts';
import { isNotificationId, type TenantId } from '../../domain/values/ids.ts';
import type { Pages } from '../app.ts';
import type { Authentication } from '../auth.ts';
import type { Cursors } from '../cursor.ts';
import type { Explaining, Told } from '../explaining.ts';
import type { Html } from '../html.ts';
import type { CapturedMessage, Captures } from '../ports.ts';
import { isRefusal } from '../problems.ts';
import type { RequestFacts } from '../requestFacts.ts';
import { sourceOf, WIRE } from '../wire.ts';
import { isFromOurForm, SESSION_SECONDS } from './outboxAccess.ts';
import type { OutboxAccess, OutboxSession } from './outboxAccess.ts';
import { doorPage, EMPTY_FORM, outboxPage } from './outboxPage.ts';
import type { OutboxView, SendForm, Shown } from './outboxPage.ts';
import { OUTBOX_STYLE } from './outboxStyle.ts';

export type OutboxPorts = {
  readonly access: OutboxAccess;
  readonly authenticate: Authentication;
  readonly captures: Captures;
  readonly explaining: Explaining;
  readonly accept: (requests: readonly AcceptRequest[]) => Promise<readonly Acceptance[]>;
  readonly audit: Pick<AuditRecorder, 'access'>;
  readonly cursors: Cursors;
  readonly clock: Clock;
  readonly time: Time;
  /** Whether browsers reach us by TLS: then the cookie goes nowhere else. */
  readonly secure: boolean;
};

const COOKIE = 'tidings_outbox';
const FORM_BYTES = 100_000;
const PAGE = 20;
/** How long the page waits for the message that was just sent. */
const WAIT = { tries: 30, ms: 100 } as const;

const PAGE_CSP =
  "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/** A mail may have styles and pictures of its own, and nothing else: no script, no form, no origin, no call to anybody. */
const MAIL_CSP =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none'; frame-ancestors 'self'; base-uri 'none'; " +
  'sandbox allow-popups allow-popups-to-escape-sandbox';

function sendPage(res: Response, status: number, page: Html): void {
  res.status(status).setHeader('Content-Security-Policy', PAGE_CSP);
  res.type('html').send(page.text);
}
const goTo = (res: Response, path: string): void => res.redirect(303, path);

const cookieOf = (req: Request): string | undefined =>
  (req.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim().split('='))
    .find(([name]) => name === COOKIE)?.[1];

const textIn = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const notificationIn = (value: unknown): string | undefined => (typeof value === 'string' && isNotificationId(value) ? value : undefined);
const channelIn = (value: unknown): Channel | undefined => CHANNELS.find((channel) => channel === value);

const formIn = (fields: URLSearchParams): SendForm => ({
  channel: fields.get('channel') === 'sms' ? 'sms' : 'email',
  to: (fields.get('to') ?? '').trim(),
  subject: (fields.get('subject') ?? '').trim(),
  text: (fields.get('text') ?? '').trim(),
});

/** As a service would have asked for it. */
function requestOf({ channel, to, subject, text }: SendForm): AcceptRequest['input'] {
  const base = { type: 'outbox_message', category: 'transactional', channels: [channel] } as const;
  if (channel === 'sms') return { ...base, recipients: [{ phone: to }], content: { sms: { text } } };
  const body = text.startsWith('<') ? { html: text } : { text };
  return {
    ...base,
    recipients: [{ email: to }],
    content: { email: { subject: subject === '' ? 'Hello from Tidings' : subject, ...body } },
  };
}

function complaints(outcome: Acceptance | undefined): readonly string[] {
  if (outcome === undefined || outcome instanceof PortError) return ['The service is not available at the moment; try again.'];
  if (isAccepted(outcome)) return [];
  const verdicts = (outcome.recipients ?? []).flatMap((it) => (it.status === 'rejected' ? [it.detail] : []));
  return verdicts.length > 0 ? verdicts : outcome.problems.map(({ detail }) => detail);
}

/** The pages under `/outbox`: what was captured as it looks, why it went, and a form to send one. */
export function outboxPages(ports: OutboxPorts): Pages {
  const { access: doors, captures, explaining } = ports;

  const fieldsOf = async (req: Request, res: Response): Promise<URLSearchParams> =>
    new URLSearchParams(Buffer.from(await sourceOf(req, res, WIRE, ports.time).bytes(FORM_BYTES)).toString('utf8'));

  function enter(res: Response, session: OutboxSession): void {
    const secure = ports.secure ? '; Secure' : '';
    res.setHeader('Set-Cookie', `${COOKIE}=${session.id}; Path=/outbox; HttpOnly; SameSite=Strict; Max-Age=${SESSION_SECONDS}${secure}`);
    goTo(res, '/outbox');
  }

  async function toldOf(tenant: TenantId, { deliveryId }: CapturedMessage): Promise<Told | undefined> {
    const id = deliveryIdIn(deliveryId);
    return id === undefined ? undefined : explaining.delivery(tenant, id.notification, id.n);
  }

  async function shown(session: OutboxSession, messages: readonly CapturedMessage[]): Promise<readonly Shown[]> {
    return Promise.all(
      messages.map(async (message) => {
        const told = await toldOf(session.access.tenant, message);
        return { message, sentence: told?.explanation.sentence ?? 'The record of this delivery cannot be read.' };
      }),
    );
  }

  /** It has been captured, and its record may not say so for some milliseconds yet. */
  const isInHand = async (tenant: TenantId, message: CapturedMessage): Promise<boolean> =>
    (await toldOf(tenant, message))?.explanation.timeline.at(-1)?.event === 'HandOffStarted';

  /** Until what was just sent has been captured and recorded, or is known not to be: bounded. */
  async function noticeOfSent({ access: { tenant } }: OutboxSession, sent: string): Promise<OutboxView['notice']> {
    for (let left: number = WAIT.tries; left > 0; left -= 1) {
      const { rows } = await captures.list(tenant, { notificationId: sent }, { limit: 1 });
      const [first] = rows;
      if (first && !(await isInHand(tenant, first))) return { bad: false, text: 'Sent. It stands on top of the list.' };
      await new Promise<void>((resolve) => {
        ports.time.after(WAIT.ms, resolve);
      });
    }
    return { bad: false, text: 'Accepted, and not handed off yet: reload in a moment.' };
  }

  async function show(req: Request, res: Response, facts: RequestFacts, session: OutboxSession): Promise<void> {
    const { tenant, actor } = session.access;
    const channel = channelIn(req.query['channel']);
    const sent = notificationIn(req.query['sent']);
    const list = { tenant, operation: 'outbox', filters: present({ channel }) };
    const cursor = textIn(req.query['cursor']);
    const place = cursor === undefined ? undefined : ports.cursors.open(cursor, list);
    const notice = sent === undefined ? undefined : await noticeOfSent(session, sent);
    const at = typeof place === 'string' ? place : undefined;
    const { rows, next } = await captures.list(tenant, present({ channel }), { limit: PAGE, ...present({ place: at }) });
    const messages = await shown(session, rows);
    const entry = { at: ports.clock.now(), actor, action: 'outbox', resource: 'captured', requestId: facts.requestId };
    if (rows.length > 0) await ports.audit.access(tenant, entry);
    const cursorOut = next === null ? null : ports.cursors.seal(next, list);
    sendPage(res, 200, outboxPage({ ...frameOf(session), messages, channel, cursor: cursorOut, form: EMPTY_FORM, ...present({ notice }) }));
  }

  const frameOf = ({ csrf, access: { tenant, scopes } }: OutboxSession) => ({ csrf, tenant, maySend: scopes.has('send') });

  async function send(res: Response, facts: RequestFacts, session: OutboxSession, fields: URLSearchParams): Promise<void> {
    const form = formIn(fields);
    const { tenant, actor, mode, scopes } = session.access;
    if (!scopes.has('send')) {
      sendPage(res, 403, doorPage('The key that opened the outbox lacks the scope send.'));
      return;
    }
    const caller = { tenant, actor, correlationId: facts.requestId };
    const [outcome] = await ports.accept([{ input: requestOf(form), caller, mode }]);
    const list = complaints(outcome);
    if (list.length === 0 && outcome !== undefined && !(outcome instanceof PortError) && isAccepted(outcome)) {
      goTo(res, `/outbox?sent=${outcome.id}`);
      return;
    }
    const { rows } = await captures.list(tenant, {}, { limit: PAGE });
    const notice = { bad: true, text: 'It was not accepted:', list };
    const messages = await shown(session, rows);
    sendPage(res, 422, outboxPage({ ...frameOf(session), messages, channel: undefined, cursor: null, form, notice }));
  }

  async function mail(req: Request, res: Response, session: OutboxSession): Promise<void> {
    const notificationId = notificationIn(req.params['notification']);
    const { rows } =
      notificationId === undefined ? { rows: [] } : await captures.list(session.access.tenant, { notificationId }, { limit: 200 });
    const found = rows.find(({ id, html }) => id === req.params['id'] && html !== undefined);
    res.status(found === undefined ? 404 : 200).setHeader('Content-Security-Policy', MAIL_CSP);
    // Links open beside the page: inside the frame they would lead nowhere.
    res.type('html').send(found === undefined ? 'This mail is not kept any more.' : `<base target="_blank">${found.html ?? ''}`);
  }

  /** A form of another site must not sign anybody in; browsers say where a request comes from. */
  const isOurs = (req: Request): boolean => ['same-origin', 'none', undefined].includes(textIn(req.headers['sec-fetch-site']));

  async function enterByKey(req: Request, res: Response): Promise<void> {
    const key = (await fieldsOf(req, res)).get('key')?.trim() ?? '';
    const credentials = `Bearer ${key}`;
    const access = isOurs(req) ? await ports.authenticate(credentials) : undefined;
    if (access === undefined || isRefusal(access) || !access.scopes.has('pii'))
      sendPage(res, 403, doorPage('This key does not open the outbox: it is unknown, or lacks the scope pii.'));
    else enter(res, doors.open(access, credentials));
  }

  /** A key that is revoked, or a token that expires, closes what it opened. */
  async function sessionOf(req: Request): Promise<OutboxSession | undefined> {
    const session = doors.find(cookieOf(req));
    if (session?.credentials === undefined) return session;
    const access = await ports.authenticate(session.credentials);
    if (!isRefusal(access) && access.scopes.has('pii')) return session;
    doors.close(session.id);
    return undefined;
  }

  return (app, page) => {
    type Opened = (req: Request, res: Response, facts: RequestFacts, session: OutboxSession) => Promise<void>;
    const opened = (name: string, handler: Opened) =>
      page(name, async (req, res, facts) => {
        const session = await sessionOf(req);
        if (session === undefined) sendPage(res, 401, doorPage());
        else {
          facts.tenant = session.access.tenant;
          await handler(req, res, facts, session);
        }
      });
    type Posted = (res: Response, facts: RequestFacts, session: OutboxSession, fields: URLSearchParams) => Promise<void>;
    const posted = (name: string, handler: Posted) =>
      opened(name, async (req, res, facts, session) => {
        const fields = await fieldsOf(req, res);
        if (isFromOurForm(session, fields.get('csrf'))) await handler(res, facts, session, fields);
        else sendPage(res, 403, doorPage('The form was out of date: open the outbox again.'));
      });

    app.get(
      '/',
      page('root', (_req, res) => Promise.resolve(goTo(res, '/outbox'))),
    );
    app.get(
      '/outbox/style.css',
      page('outboxStyle', (_req, res) => {
        res.setHeader('Cache-Control', 'public, max-age=300');
        res.type('css').send(OUTBOX_STYLE);
        return Promise.resolve();
      }),
    );
    app.get(
      '/outbox/enter',
      page('outboxEnter', (req, res) => {
        // HEAD only looks (RFC 9110 9.3.2): a program that shows a preview of the link must not use it up.
        if (req.method === 'HEAD') return Promise.resolve(void res.end());
        const session = doors.redeem(textIn(req.query['token']) ?? '');
        if (session === undefined)
          sendPage(res, 403, doorPage('This link was used already, or belongs to an earlier start of the service.'));
        else enter(res, session);
        return Promise.resolve();
      }),
    );
    app.post('/outbox/enter', page('outboxEnterByKey', enterByKey));
    app.get('/outbox', opened('outbox', show));
    app.get(
      '/outbox/mails/:notification/:id',
      opened('outboxMail', (req, res, _facts, session) => mail(req, res, session)),
    );
    app.post('/outbox/messages', posted('outboxSend', send));
    app.post(
      '/outbox/leave',
      posted('outboxLeave', (res, _facts, session) => {
        doors.close(session.id);
        res.setHeader('Set-Cookie', `${COOKIE}=; Path=/outbox; HttpOnly; SameSite=Strict; Max-Age=0`);
        goTo(res, '/outbox');
        return Promise.resolve();
      }),
    );
  };
}
