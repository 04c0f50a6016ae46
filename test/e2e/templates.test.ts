import { beforeAll, describe, expect, test } from 'vitest';
import { serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();

const draft = {
  variablesSchema: {
    type: 'object',
    properties: { orderNumber: { type: 'string' }, total: { type: 'number', minimum: 0 } },
    required: ['orderNumber', 'total'],
    additionalProperties: false,
  },
  layout: '<html><body><main>{{ content }}</main></body></html>',
  locales: {
    en: { email: { subject: 'Order {{ orderNumber }}', html: '<p>Total {{ total }}</p>' }, sms: { text: 'Order {{ orderNumber }}' } },
    de: {
      email: { subject: 'Bestellung {{ orderNumber }}', html: '<p>Summe {{ total }}</p>' },
      sms: { text: 'Bestellung {{ orderNumber }}' },
    },
  },
  fallback: 'en',
};
const request = (recipient: unknown, more: object = {}): object => ({
  type: 'order_confirmation',
  category: 'transactional',
  recipients: [recipient],
  channels: ['email'],
  template: 'order-confirmation',
  variables: { orderNumber: 'A-1', total: 12.5 },
  ...more,
});

describe('a template', () => {
  beforeAll(async () => {
    const { status, body } = await tidings.put('/v1/templates/order-confirmation', draft);
    expect([status, body]).toStrictEqual([201, { key: 'order-confirmation', draft: 1, fallback: 'en', locales: ['en', 'de'] }]);
  });

  test('that is only a draft is not sent', async () => {
    const { status, body } = await tidings.post('/v1/notifications', request({ email: 'a@example.com' }));
    expect([status, body.code]).toStrictEqual([422, 'unknown_template']);
  });

  test('shows what it would say before it is published', async () => {
    const { status, body } = await tidings.post('/v1/templates/order-confirmation/preview', {
      variables: { orderNumber: 'P-1', total: 3 },
      locale: 'de-AT',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ locale: 'de', version: null, failures: [] });
    expect(body.channels.email.subject).toBe('Bestellung P-1');
    expect(body.channels.sms).toStrictEqual({ channel: 'sms', text: 'Bestellung P-1' });
  });

  describe('once published', () => {
    beforeAll(async () => {
      const { status, body } = await tidings.post('/v1/templates/order-confirmation/publish');
      expect([status, body]).toStrictEqual([200, { key: 'order-confirmation', current: 1, latest: 1, draft: 1 }]);
    });

    test('speaks the language that is nearest to the person’s', async () => {
      const { id } = await tidings.send(
        request(
          { email: 'sepp@example.at', locale: 'de-AT' },
          {
            recipients: [
              { email: 'sepp@example.at', locale: 'de-AT' },
              { email: 'jean@example.fr', locale: 'fr' },
            ],
          },
        ),
      );
      const rows = await tidings.settled(id);
      expect(rows.map(({ template }) => template.locale)).toStrictEqual(['de', 'en']);
      const one = await tidings.get(`/v1/deliveries/${id}_0`);
      expect(one.body.template).toStrictEqual({ key: 'order-confirmation', version: 1, locale: 'de' });
      const captured = await tidings.captured(id);
      expect(captured.map(({ subject }) => subject)).toStrictEqual(['Bestellung A-1', 'Order A-1']);
      expect(captured[0].html).toContain('<main><p>Summe 12.5</p></main>');
    });

    test('refuses variables that do not fit its schema, each with its path', async () => {
      const { status, body } = await tidings.post(
        '/v1/notifications',
        request({ email: 'a@example.com' }, { variables: { total: -1, colour: 'red' } }),
      );
      expect([status, body.code]).toStrictEqual([422, 'no_recipient_accepted']);
      expect(body.recipients).toMatchObject([{ index: 0, status: 'rejected', code: 'invalid_variables' }]);
      const { detail } = body.recipients[0];
      expect(detail).toContain('variables/orderNumber: ');
      expect(detail).toContain('variables/total: ');
      expect(detail).toContain('variables/colour: ');
    });

    test('is checked with each person’s own variables on top', async () => {
      const { id } = await tidings.send(
        request({ email: 'own@example.com', variables: { orderNumber: 'OWN-1' } }, { variables: { total: 1 } }),
      );
      await tidings.settled(id);
      expect((await tidings.captured(id)).map(({ subject }) => subject)).toStrictEqual(['Order OWN-1']);
    });

    test('that does not compile is not published, and tells where it is wrong', async () => {
      await tidings.put('/v1/templates/broken', {
        locales: { en: { email: { subject: 'Hi {{ name', html: '<p>{% if a %}</p>' } } },
        fallback: 'en',
      });
      const { status, body } = await tidings.post('/v1/templates/broken/publish');
      expect([status, body.code]).toStrictEqual([422, 'template_invalid']);
      expect(body.errors.map(({ path }: { path: string }) => path).sort()).toStrictEqual([
        '/locales/en/email/html',
        '/locales/en/email/subject',
      ]);
    });

    test('has versions: a new one is sent from its publication on, an old one again after a rollback', async () => {
      const changed = { ...draft, locales: { en: { email: { subject: 'Second {{ orderNumber }}', html: '<p>{{ total }}</p>' } } } };
      const { headers } = await tidings.get('/v1/templates/order-confirmation');
      await tidings.put('/v1/templates/order-confirmation', changed, { 'If-Match': headers.get('etag') ?? '' });
      const stale = await tidings.put('/v1/templates/order-confirmation', draft, { 'If-Match': headers.get('etag') ?? '' });
      expect([stale.status, stale.body.code]).toStrictEqual([412, 'precondition_failed']);

      const subjectNow = async (more: object = {}): Promise<string> => {
        const { id } = await tidings.send(request({ email: 'v@example.com' }, more));
        await tidings.settled(id);
        const [one] = await tidings.captured(id);
        return one.subject;
      };
      expect(await subjectNow()).toBe('Order A-1');
      expect((await tidings.post('/v1/templates/order-confirmation/publish')).body).toMatchObject({ current: 2, latest: 2 });
      expect(await subjectNow()).toBe('Second A-1');
      expect(await subjectNow({ template: { key: 'order-confirmation', version: 1 } })).toBe('Order A-1');
      const back = await tidings.post('/v1/templates/order-confirmation/rollback', { version: 1 });
      expect(back.body).toMatchObject({ current: 1, latest: 2 });
      expect(await subjectNow()).toBe('Order A-1');
      const versions = await tidings.get('/v1/templates/order-confirmation/versions');
      expect(versions.body.data.map(({ version }: { version: number }) => version)).toStrictEqual([2, 1]);
      const none = await tidings.post('/v1/templates/order-confirmation/rollback', { version: 9 });
      expect([none.status, none.body.code, none.body.errors]).toStrictEqual([
        422,
        'version_not_found',
        [{ path: '/version', message: none.body.detail }],
      ]);
    });

    test('can be sent to somebody as a test', async () => {
      const { status, body } = await tidings.post('/v1/templates/order-confirmation/test', {
        recipient: { email: 'tester@example.com' },
        variables: { orderNumber: 'T-1', total: 1 },
        channels: ['email'],
      });
      expect(status).toBe(202);
      await tidings.settled(body.id);
      expect((await tidings.captured(body.id)).map(({ to, subject }) => [to, subject])).toStrictEqual([
        ['tester@example.com', 'Order T-1'],
      ]);
    });

    test('of a type is found through the catalogue: type and recipients are enough', async () => {
      await tidings.put('/v1/types/order_done', { category: 'transactional', template: 'order-confirmation', channels: ['email'] });
      const { id } = await tidings.send({
        type: 'order_done',
        recipients: [{ email: 'cat@example.com' }],
        variables: { orderNumber: 'C-1', total: 2 },
      });
      await tidings.settled(id);
      expect((await tidings.captured(id)).map(({ subject }) => subject)).toStrictEqual(['Order C-1']);
    });
  });
});

describe('what is said inline', () => {
  test('escapes what stands in the variables, and lets no script hide behind a link', async () => {
    const { id } = await tidings.send({
      type: 'note',
      category: 'transactional',
      recipients: [{ email: 'x@example.com', variables: { name: '<script>alert(1)</script>', link: 'https://example.com/?a=1&b=2' } }],
      content: { subject: 'Hi {{ name }}', html: '<p>{{ name }} <a href="{{ link }}">here</a></p>' },
    });
    await tidings.settled(id);
    const [one] = await tidings.captured(id);
    expect(one.html).toBe('<p>&lt;script&gt;alert(1)&lt;/script&gt; <a href="https://example.com/?a=1&amp;b=2">here</a></p>');
    expect(one.subject).toBe('Hi <script>alert(1)</script>');

    const hostile = await tidings.send({
      type: 'note',
      category: 'transactional',
      recipients: [{ email: 'y@example.com', variables: { link: 'javascript:alert(1)' } }],
      content: { subject: 'Hi', html: '<p><a href="{{ link }}">here</a></p>' },
    });
    await tidings.settled(hostile.id);
    expect((await tidings.captured(hostile.id)).map(({ html }) => html)).toStrictEqual(['<p><a href="#">here</a></p>']);
  });

  test('is refused at once where it does not compile', async () => {
    const { status, body } = await tidings.post('/v1/notifications', {
      type: 'note',
      category: 'transactional',
      recipients: [{ email: 'x@example.com' }],
      content: { subject: 'Hi {{ name', html: '<p>{{ range.constructor("return 1")() }}</p>' },
    });
    expect(status).toBe(422);
    expect(body.errors.map(({ path }: { path: string }) => path).sort()).toStrictEqual(['/content/html', '/content/subject']);
  });
});
