import { beforeEach, describe, expect, test } from 'vitest';
import type { memoryKeys } from '../support/memoryKeys.ts';
import { isAccepted, type Acceptance, type AcceptRequest } from '../../src/commands/acceptance.ts';
import { acceptNotifications } from '../../src/commands/acceptNotifications.ts';
import type { NotificationInput, RecipientInput } from '../../src/commands/notificationInput.ts';
import type { CatalogueView, NotificationPorts, StoredFile, TemplateFacts } from '../../src/commands/notificationPorts.ts';
import { BUILT_IN_CATEGORIES } from '../../src/domain/catalogue/category.ts';
import { isSealed, type Personal } from '../../src/domain/kernel/personal.ts';
import type { NotificationRequested } from '../../src/domain/notification/events.ts';
import type { SubjectId } from '../../src/domain/values/ids.ts';
import { plusMs } from '../../src/domain/values/instant.ts';
import { streamOf } from '../../src/domain/values/streams.ts';
import type { AttachmentRef } from '../../src/domain/values/message.ts';
import { ACME, caller, openHouse, START, type House } from '../support/house.ts';

type TypeView = NonNullable<ReturnType<CatalogueView['type']>>;
let house: House;
let types: Map<string, TypeView>;
let templates: Map<string, TemplateFacts>;
let files: Map<string, StoredFile & { readonly subject?: SubjectId }>;
/** How often each port was asked. */
let asked: Record<string, number>;
/** Requests of which nobody was accepted. */
let noted: unknown[];
let ports: NotificationPorts;
let accept: (requests: readonly AcceptRequest[]) => Promise<readonly Acceptance[]>;

beforeEach(async () => {
  house = await openHouse();
  [types, templates, files, asked, noted] = [new Map(), new Map(), new Map(), {}, []];
  const count = (what: string): void => {
    asked[what] = (asked[what] ?? 0) + 1;
  };
  const refOf = (id: string, { filename, contentType, content }: StoredFile): AttachmentRef => ({
    id,
    sha256: 'sha',
    size: content.byteLength,
    filename,
    contentType,
  });
  ports = {
    ...house,
    subjects: {
      resolve: (...of) => {
        count('resolve');
        return house.subjects.resolve(...of);
      },
      find: (...of) => house.subjects.find(...of),
      labels: (...of) => house.subjects.labels(...of),
    },
    log: {
      read: (streams) => {
        count('read');
        return house.log.read(streams);
      },
      append: (writes) => {
        count('append');
        return house.log.append(writes);
      },
    },
    catalogues: {
      viewOf: () =>
        Promise.resolve({
          type: (key) => types.get(key),
          categoryClass: (key) => BUILT_IN_CATEGORIES.get(key)?.class,
          unknownTypes: 'allow',
        }),
    },
    templates: { find: (_, key, version) => Promise.resolve(templates.get(`${key} ${String(version ?? 'current')}`)) },
    files: {
      put: (_, all) => {
        count('put');
        return Promise.resolve(
          all.map((file) => {
            const id = `att_${String(files.size)}`;
            files.set(id, file);
            return refOf(id, file);
          }),
        );
      },
      find: (_, ids) => {
        count('find');
        return Promise.resolve(new Map(ids.flatMap((id) => (files.has(id) ? [[id, refOf(id, files.get(id)!)] as const] : []))));
      },
    },
    checkVariables: (schema, variables) =>
      ((schema as { required?: readonly string[] }).required ?? [])
        .filter((name) => !Object.hasOwn(variables, name))
        .map((name) => ({ path: `/${name}`, message: 'is missing' })),
    checkContent: (content) => (content.email?.text === '{{' ? [{ path: '/email/text', message: 'does not compile' }] : []),
    keepAddresses: () => Promise.resolve(),
    recordRefusals: (by, of) => void noted.push([by, of]),
    watch: (outcome, number) => {
      asked[outcome] = (asked[outcome] ?? 0) + number;
    },
  };
  ({ accept } = acceptNotifications(ports));
});

const email = { email: { subject: 'Hello', text: 'Hi' } };
const input = (more: Partial<NotificationInput> = {}): NotificationInput => ({
  type: 'welcome',
  category: 'account',
  content: email,
  recipients: [{ recipientId: 'ana' }],
  ...more,
});
const request = (more: Partial<NotificationInput> = {}, key?: string): AcceptRequest => ({
  input: input(more),
  caller: caller(key === undefined ? {} : { idempotencyKey: key }),
  mode: 'live',
});
const one = async (more: Partial<NotificationInput> = {}, key?: string): Promise<Acceptance> => (await accept([request(more, key)]))[0]!;
const good = (it: Acceptance) => {
  if (!isAccepted(it)) throw new Error(JSON.stringify(it));
  return it;
};
const verdicts = (it: Acceptance) =>
  'recipients' in it ? it.recipients?.map((verdict) => [verdict.index, 'code' in verdict ? verdict.code : verdict.status]) : it;
const requested = async (): Promise<readonly NotificationRequested['data'][]> =>
  (await house.events()).map((event) => event.data as NotificationRequested['data']);
const opened = async <T>(it: Personal<T> | undefined): Promise<unknown> => {
  if (it === undefined || !isSealed(it)) throw new Error('it is not sealed');
  return (await house.vault.open([it]))[0];
};
const erase = async (recipientId: string): Promise<void> => {
  const [subject] = await house.subjects.resolve(ACME, [{ recipientId }]);
  (house.keys as ReturnType<typeof memoryKeys>).rows.destroySubject(ACME, subject as SubjectId);
  house.keys.clear();
};

describe('a request', () => {
  test('that is all right is durable, and says where', async () => {
    const answer = good(await one({ variables: { a: 1 }, context: { source: 'crm', metadata: { order: 'A-1' } }, key: 'order-A-1' }));
    const [recorded] = await house.recorded();
    const [subject] = await house.subjects.resolve(ACME, [{ recipientId: 'ana' }]);
    expect(answer).toStrictEqual({
      id: answer.id,
      createdAt: START,
      position: recorded!.position,
      recipients: [{ index: 0, recipientId: 'ana', status: 'accepted' }],
      replayed: false,
    });
    const { message, request: digest, ...data } = recorded!.event.data as NotificationRequested['data'];
    const [key] = await house.indexes.hash(ACME, 'key', ['order-A-1']);
    expect(data).toStrictEqual({
      notificationId: answer.id,
      requestedAt: START,
      terms: {
        type: 'welcome',
        category: 'account',
        class: 'account',
        priority: 'normal',
        mode: 'live',
        channels: ['email'],
        channelsNamed: false,
        routing: { method: 'all' },
        unknownOutcome: 'retry',
        key,
        source: 'crm',
      },
      recipients: [{ index: 0, subject }],
      refused: [],
      soleSubject: subject,
      planAt: START,
    });
    expect(await opened(message)).toStrictEqual({
      value: { content: email, variables: { a: 1 }, attachments: [], metadata: { order: 'A-1' } },
    });
    expect(digest).toMatch(/^[\w-]{43}$/);
    expect(asked).toMatchObject({ append: 1, resolve: 1, accepted: 1 });
    expect(asked['read']).toBe(undefined);
  });

  test('puts nothing personal into the log', async () => {
    await one(
      {
        recipients: [{ recipientId: 'ana@example.com', email: 'ana@example.com', name: 'Ana Prohaska', variables: { code: '4711' } }],
        variables: { secret: 'lilac' },
        key: 'order-of-ana',
        dedup: { key: 'cart-of-ana', windowMs: 1 },
      },
      'key-of-ana',
    );
    const { events } = await house.store.readAll('start', {}, 10);
    const text = JSON.stringify(events);
    // Three letters would be found in what is sealed now and then.
    for (const personal of ['ana@', 'of-ana', 'Ana P', 'Prohaska', '4711', 'lilac']) expect(text).not.toContain(personal);
  });

  test('takes its own correlation along', async () => {
    await one({ context: { correlationId: 'checkout-77' } });
    await one();
    expect((await house.recorded()).map(({ meta }) => meta.correlationId)).toStrictEqual(['checkout-77', 'correlation']);
  });

  test('is planned when it is due', async () => {
    await one({ schedule: { at: plusMs(START, 60_000) } });
    await one({ schedule: { local: '2026-12-01T09:00', timeZone: 'recipient' } });
    expect((await requested()).map(({ planAt }) => planAt)).toStrictEqual([plusMs(START, 60_000), '2026-11-30T19:00:00.000Z']);
  });

  test.each([{ template: { key: 'no' } }, { template: { key: 'no' }, channels: ['sms'] as const }])(
    'with a template that nobody knows is told that, and not that there is nothing to say: %j',
    async (more) => {
      const answer = await one({ content: undefined as never, ...more });
      expect('problems' in answer && answer.problems.map(({ rejected, path }) => [rejected, path])).toStrictEqual([
        ['unknown_template', '/template'],
      ]);
    },
  );

  test('that is not all right is told everything that is wrong, and nothing is recorded, nobody made known', async () => {
    types.set('welcome', { category: 'account', channels: ['email'], priority: 'low' });
    const answer = await one({
      content: { email: { subject: 's', text: '{{' } },
      channels: ['sms'],
      priority: 'high',
      attachments: [{ id: 'att_no' }],
      template: { key: 'no' },
    });
    expect('problems' in answer && answer.problems.map(({ rejected, path }) => [rejected, path])).toStrictEqual([
      ['unknown_template', '/template'],
      ['template_invalid', '/content/email/text'],
      ['category_conflict', '/channels'],
      ['category_conflict', '/priority'],
      ['attachment_not_found', '/attachments/0/id'],
    ]);
    expect(asked['resolve']).toBe(undefined);
    expect(await house.events()).toStrictEqual([]);
  });

  test('takes its template from the type, and the channels from the template', async () => {
    types.set('welcome', { category: 'account', template: 'hello' });
    templates.set('hello current', { version: 7, channels: ['sms', 'in_app'] });
    good(await one({ content: undefined as never }));
    expect((await requested())[0]!.terms).toMatchObject({ template: { key: 'hello', version: 7 }, channels: ['sms', 'in_app'] });
  });

  test('what it brings to say takes the place of the type’s template', async () => {
    types.set('welcome', { category: 'account', template: 'hello' });
    good(await one());
    expect((await requested())[0]!.terms.template).toBe(undefined);
  });
});

describe('each recipient', () => {
  const people: readonly RecipientInput[] = [
    { recipientId: 'ana' },
    { email: 'Bo <bo' },
    { phone: '123' },
    { email: 'cy@example.com', name: 'Cy', locale: 'de-at', timeZone: 'Europe/Vienna', phone: '+43 664 1234567' },
    { recipientId: 'dee', timeZone: 'Europe/Atlantis' },
    { recipientId: 'eve', locale: 'x'.repeat(70) },
    { webhookUrl: 'http://example.com/hook' },
    { recipientId: 'ana', email: 'ana@example.com' },
    { email: 'CY@EXAMPLE.COM' },
    { recipientId: 'gone' },
    { recipientId: 'fay', phone: 'not a number', email: 'fay@example.com' },
  ];

  test('has a verdict of their own, by the place in the request', async () => {
    await erase('gone');
    const answer = good(await one({ recipients: people }));
    expect(verdicts(answer)).toStrictEqual([
      [0, 'accepted'],
      [1, 'invalid_email'],
      [2, 'invalid_phone'],
      [3, 'accepted'],
      [4, 'invalid_time_zone'],
      [5, 'invalid_locale'],
      [6, 'invalid_url'],
      [7, 'duplicate_recipient'],
      [8, 'duplicate_recipient'],
      [9, 'erased'],
      [10, 'invalid_phone'],
    ]);
    const [data] = await requested();
    expect(data!.recipients.map(({ index }) => index)).toStrictEqual([0, 3]);
    expect(data!.refused.map(({ index }) => index)).toStrictEqual([1, 2, 4, 5, 6, 7, 8, 9, 10]);
    // Of an address that cannot be read there is nobody to name, and of the erased nothing is kept.
    expect(data!.refused.filter(({ subject }) => subject !== undefined).map(({ index }) => index)).toStrictEqual([4, 5, 7, 8, 10]);
    expect(data!.soleSubject).toBe(undefined);
    expect(asked).toMatchObject({ resolve: 1, accepted: 2, rejected: 9 });
  });

  test('is named as every other call names them', async () => {
    const answer = good(await one({ recipients: people }));
    const [subject] = await house.subjects.resolve(ACME, [{ address: 'email:cy@example.com' }]);
    expect(answer.recipients.map(({ recipientId }) => recipientId)).toStrictEqual([
      'ana',
      undefined,
      undefined,
      `addr_${String(subject)}`,
      'dee',
      'eve',
      undefined,
      'ana',
      `addr_${String(subject)}`,
      'gone',
      'fay',
    ]);
  });

  test('keeps what came with them, normalised and sealed as theirs', async () => {
    await one({ recipients: people });
    const [, cy] = (await requested())[0]!.recipients;
    expect(await opened(cy!.person)).toStrictEqual({
      value: { email: 'cy@example.com', phone: '+436641234567', name: 'Cy', locale: 'de-AT', timeZone: 'Europe/Vienna' },
    });
  });

  test('must have the variables that the type and the template ask for: the shared ones overlaid by their own', async () => {
    types.set('welcome', { category: 'account', variablesSchema: { required: ['order'] } });
    const answer = good(
      await one({ variables: { name: 'all' }, recipients: [{ recipientId: 'ana' }, { recipientId: 'bo', variables: { order: 1 } }] }),
    );
    expect(verdicts(answer)).toStrictEqual([
      [0, 'invalid_variables'],
      [1, 'accepted'],
    ]);
    const [bo] = (await requested())[0]!.recipients;
    expect(await opened(bo!.own)).toStrictEqual({ value: { variables: { order: 1 } } });
  });

  test('refused, with all the others, refuses the request and records nothing', async () => {
    const answer = await one({ recipients: [{ email: 'no' }, { phone: 'no' }] });
    expect(answer).toMatchObject({ problems: [{ rejected: 'no_recipient_accepted' }] });
    expect(verdicts(answer)).toStrictEqual([
      [0, 'invalid_email'],
      [1, 'invalid_phone'],
    ]);
    expect(await house.events()).toStrictEqual([]);
  });

  test('refused, with all the others, is noted with whom it was for', async () => {
    const people = [{ recipientId: 'ana', email: 'no' }, { email: 'bo@example.com', phone: 'no' }, { email: 'no' }];
    const [ana, bo] = await house.subjects.resolve(ACME, [{ recipientId: 'ana' }, { address: 'email:bo@example.com' }]);
    await one({ recipients: people }, 'k');
    await one({ recipients: ['x', 'y'].map((recipientId) => ({ recipientId })) });
    const detail = expect.any(String);
    expect(noted).toStrictEqual([
      [
        caller({ idempotencyKey: 'k' }),
        {
          type: 'welcome',
          refused: [
            { index: 0, code: 'invalid_email', detail, subject: ana },
            { index: 1, code: 'invalid_phone', detail, subject: bo },
            { index: 2, code: 'invalid_email', detail },
          ],
        },
      ],
    ]);
  });
});

describe('a repeat under the same idempotency key', () => {
  test('gets the first answer, and records nothing', async () => {
    const recipients = [{ recipientId: 'ana' }, { email: 'no' }, { email: 'bo@example.com' }];
    const first = good(await one({ recipients }, 'k'));
    house.clock.advance(60_000);
    // It goes on meanwhile: the answer is that of the first time all the same.
    const stream = streamOf('notification', ACME, first.id);
    const envelope = {
      commandId: 'x',
      correlationId: 'c',
      causationId: 'c',
      actor: { kind: 'system', id: 'x' },
      occurredAt: START,
    } as const;
    const went = {
      type: 'NotificationCancelled',
      data: { notificationId: first.id, requestedAt: START, priority: 'normal', items: [0], open: [], cancelledAt: START },
    };
    expect(await house.log.append([{ stream, at: 0, events: [went], envelope }])).toMatchObject([{ ok: true }]);
    const again = good(await one({ recipients }, 'k'));
    expect(again).toStrictEqual({ ...first, replayed: true });
    expect(await house.events()).toHaveLength(2);
    expect(asked).toMatchObject({ accepted: 2, replayed: 2, rejected: 1 });
  });
  test('with another body is refused', async () => {
    await one({}, 'k');
    expect(await one({ variables: { a: 2 } }, 'k')).toMatchObject({ problems: [{ rejected: 'idempotency_key_reused' }] });
    expect(await one({ recipients: [{ recipientId: 'bo' }] }, 'k')).toMatchObject({ problems: [{ rejected: 'idempotency_key_reused' }] });
    expect((await accept([{ ...request({}, 'k'), mode: 'test' }]))[0]).toMatchObject({
      problems: [{ rejected: 'idempotency_key_reused' }],
    });
    expect(await house.events()).toHaveLength(1);
  });
  test('fifty at once are one notification', async () => {
    const answers = (await Promise.all(Array.from({ length: 50 }, () => one({}, 'k')))).map(good);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await house.events()).toHaveLength(1);
  });
  test('within one bulk is one notification too', async () => {
    const answers = (await accept([request({}, 'k'), request({}, 'k'), request({ variables: { a: 1 } }, 'k')])).map((it) =>
      'replayed' in it ? it.replayed : 'refused',
    );
    expect(answers).toStrictEqual([false, true, 'refused']);
  });
  test('gets the first answer though it would be refused by now', async () => {
    const first = good(await one({ expires: { at: plusMs(START, 1_000) } }, 'k'));
    house.clock.advance(60_000);
    expect(await one({ expires: { at: plusMs(START, 1_000) } }, 'k')).toStrictEqual({ ...first, replayed: true });
    types.set('welcome', { category: 'orders' });
    expect(await one({ expires: { at: plusMs(START, 1_000) } }, 'k')).toStrictEqual({ ...first, replayed: true });
    expect(await one({ expires: { at: plusMs(START, 1_001) } }, 'k')).toMatchObject({ problems: [{ rejected: 'idempotency_key_reused' }] });
  });
  test('gets the first answer though everyone has been erased since', async () => {
    const first = good(await one({}, 'k'));
    await erase('ana');
    expect(await one({}, 'k')).toStrictEqual({ ...first, replayed: true });
  });
  test('of another tenant is another request', async () => {
    const other = { ...request({}, 'k'), caller: caller({ tenant: 'globex' as typeof ACME, idempotencyKey: 'k' }) };
    const [mine, theirs] = (await accept([request({}, 'k'), other])).map(good);
    expect([mine!.replayed, theirs!.replayed, mine!.id === theirs!.id]).toStrictEqual([false, false, false]);
  });
  test('that was refused the first time is judged anew', async () => {
    types.set('welcome', { category: 'orders' });
    expect('problems' in (await one({}, 'k'))).toBe(true);
    types.clear();
    expect(good(await one({}, 'k')).replayed).toBe(false);
  });
});

describe('files', () => {
  const file = (name: string) => ({ filename: `${name}.pdf`, contentType: 'application/pdf', content: new TextEncoder().encode(name) });
  const messageOf = async (): Promise<{ value: { attachments: readonly AttachmentRef[] } }> =>
    (await opened((await requested()).at(-1)!.message)) as never;

  test('that come along are stored: those of all, and each one’s own under their key; nothing for who was refused', async () => {
    const recipients = [
      { recipientId: 'ana', attachments: [file('for ana')] },
      { recipientId: 'bo', variables: { a: 1 }, attachments: [{ ...file('for bo'), disposition: 'inline', contentId: 'c1' } as const] },
      { email: 'no', attachments: [file('for nobody')] },
    ];
    good(await one({ attachments: [file('for all')], recipients }));
    const [ana, bo] = await house.subjects.resolve(ACME, [{ recipientId: 'ana' }, { recipientId: 'bo' }]);
    expect([...files.values()].map(({ filename, subject }) => [filename, subject])).toStrictEqual([
      ['for all.pdf', undefined],
      ['for ana.pdf', ana],
      ['for bo.pdf', bo],
    ]);
    expect((await messageOf()).value.attachments.map(({ filename }) => filename)).toStrictEqual(['for all.pdf']);
    const owns = await Promise.all((await requested())[0]!.recipients.map(({ own }) => opened(own)));
    expect(owns).toStrictEqual([
      { value: { attachments: [{ id: 'att_1', sha256: 'sha', size: 7, filename: 'for ana.pdf', contentType: 'application/pdf' }] } },
      {
        value: {
          variables: { a: 1 },
          attachments: [
            {
              id: 'att_2',
              sha256: 'sha',
              size: 6,
              filename: 'for bo.pdf',
              contentType: 'application/pdf',
              disposition: 'inline',
              contentId: 'c1',
            },
          ],
        },
      },
    ]);
  });
  test('of a message for one person are theirs', async () => {
    good(await one({ attachments: [file('a')] }));
    const [ana] = await house.subjects.resolve(ACME, [{ recipientId: 'ana' }]);
    expect([...files.values()].map(({ subject }) => subject)).toStrictEqual([ana]);
  });
  test('that were uploaded before are named by id, under a name of the request’s own', async () => {
    files.set('att_up', file('uploaded'));
    good(await one({ attachments: [{ id: 'att_up', filename: 'renamed.pdf' }] }));
    expect((await messageOf()).value.attachments).toMatchObject([{ id: 'att_up', filename: 'renamed.pdf' }]);
  });
  test('of a repeat are not stored again; other bytes are another body', async () => {
    const first = good(await one({ attachments: [file('a')] }, 'k'));
    expect(await one({ attachments: [file('a')] }, 'k')).toStrictEqual({ ...first, replayed: true });
    expect(asked['put']).toBe(1);
    expect(await one({ attachments: [file('b')] }, 'k')).toMatchObject({ problems: [{ rejected: 'idempotency_key_reused' }] });
    expect(asked['put']).toBe(1);
  });
});

test('a bulk makes one look for people, one for files, one store of files and one append, whatever it holds', async () => {
  const file = { filename: 'f.pdf', contentType: 'application/pdf', content: new Uint8Array([1]) };
  files.set('att_up', file);
  const requests = Array.from({ length: 30 }, (_, at) =>
    request({
      recipients: [{ recipientId: `u${String(at)}` }, { email: 'no' }],
      attachments: [{ id: 'att_up' }, file],
      ...(at % 10 === 3 && { category: 'no such' }),
    }),
  );
  const answers = await accept(requests);
  expect(answers.map((it) => isAccepted(it))).toStrictEqual(Array.from({ length: 30 }, (_, at) => at % 10 !== 3));
  expect(answers.filter(isAccepted).map(({ recipients }) => recipients[0]!.recipientId)).toStrictEqual(
    Array.from({ length: 30 }, (_, at) => `u${String(at)}`).filter((_, at) => at % 10 !== 3),
  );
  expect(asked).toMatchObject({ resolve: 1, find: 1, put: 1, append: 1 });
  expect(await house.events()).toHaveLength(27);
});
