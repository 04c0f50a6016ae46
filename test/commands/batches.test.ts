import { beforeEach, describe, expect, test } from 'vitest';
import { batchCommands, CHUNK_LINES } from '../../src/commands/batches.ts';
import type { BatchLine } from '../../src/commands/batchLines.ts';
import type { MessageInput } from '../../src/commands/notificationInput.ts';
import type { NotificationPorts } from '../../src/commands/notificationPorts.ts';
import { MAX_LINE_BYTES } from '../../src/commands/requestChunk.ts';
import { BUILT_IN_CATEGORIES } from '../../src/domain/catalogue/category.ts';
import type { BatchEvent } from '../../src/domain/batch/events.ts';
import type { AnyFact } from '../../src/domain/kernel/decider.ts';
import type { NotificationRequested } from '../../src/domain/notification/events.ts';
import type { BatchId } from '../../src/domain/values/ids.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import { caller, openHouse, START, type House } from '../support/house.ts';

const MESSAGE: MessageInput = { type: 'news', category: 'account', content: { sms: { text: 'Hi {{ name }}' } } };

let house: House;
let ports: NotificationPorts;
let batches: ReturnType<typeof batchCommands>;
beforeEach(async () => {
  house = await openHouse();
  ports = {
    ...house,
    catalogues: {
      viewOf: () =>
        Promise.resolve({ type: () => undefined, categoryClass: (key) => BUILT_IN_CATEGORIES.get(key)?.class, unknownTypes: 'allow' }),
    },
    templates: { find: () => Promise.resolve(undefined) },
    files: { put: () => Promise.resolve([]), find: () => Promise.resolve(new Map()) },
    checkVariables: () => [],
    checkContent: () => [],
    keepAddresses: () => Promise.resolve(),
    recordRefusals: () => undefined,
    watch: () => undefined,
  };
  batches = batchCommands(ports);
});

const person = (n: number): BatchLine => {
  const recipient = { recipientId: `user-${String(n)}` };
  return { raw: JSON.stringify(recipient), recipient };
};
const people = (count: number, from = 0): readonly BatchLine[] => [...Array(count).keys()].map((n) => person(from + n));
/** In pieces of seven lines; breaks off after so many lines. */
async function* stream(lines: readonly BatchLine[], breakAfter = Infinity): AsyncGenerator<readonly BatchLine[]> {
  for (let at = 0; at < lines.length; at += 7) {
    if (at >= breakAfter) throw new Error('the connection was lost');
    yield await Promise.resolve(lines.slice(at, at + 7));
  }
}
const upload = (lines: readonly BatchLine[], more: { message?: MessageInput; breakAfter?: number; key?: string } = {}) =>
  batches.upload(caller({ idempotencyKey: more.key ?? 'spring mailing' }), {
    mode: 'live',
    message: more.message ?? MESSAGE,
    lines: stream(lines, more.breakAfter),
  });
const typesOf = (events: readonly AnyFact[]): readonly string[] => events.map(({ type }) => type);
const ofType = <E extends AnyFact>(events: readonly AnyFact[], type: E['type']): readonly E[] =>
  events.filter((it): it is E => it.type === type);

describe('an upload', () => {
  test('keeps the message once and asks for one notification a chunk, each before its chunk is noted', async () => {
    const result = await upload(people(2 * CHUNK_LINES + 3));
    expect(result).toMatchObject({ accepted: 1003, rejected: 0, position: (await house.recorded()).at(-1)?.position });
    const events = await house.events();
    expect(typesOf(events)).toStrictEqual([
      'BatchOpened',
      'NotificationRequested',
      'ChunkAdded',
      'NotificationRequested',
      'ChunkAdded',
      'NotificationRequested',
      'ChunkAdded',
      'BatchClosed',
    ]);
    const requested = ofType<NotificationRequested>(events, 'NotificationRequested').map(({ data }) => data);
    expect(requested.map(({ recipients, batch, message }) => [recipients.length, batch?.chunk, message])).toStrictEqual([
      [500, 0, undefined],
      [500, 1, undefined],
      [3, 2, undefined],
    ]);
    const chunks = ofType<Extract<BatchEvent, { type: 'ChunkAdded' }>>(events, 'ChunkAdded').map(({ data }) => data);
    expect(chunks.map(({ notificationId, lines }) => [notificationId, lines])).toStrictEqual([
      [requested[0]?.notificationId, { from: 1, to: 500 }],
      [requested[1]?.notificationId, { from: 501, to: 1000 }],
      [requested[2]?.notificationId, { from: 1001, to: 1003 }],
    ]);
  });

  test('that broke goes on where it broke, to the same end', async () => {
    await expect(upload(people(1200), { breakAfter: 1100 })).rejects.toThrow('the connection was lost');
    const before = await house.events();
    expect(typesOf(before).filter((it) => it === 'ChunkAdded')).toHaveLength(2);
    const result = await upload(people(1200));
    expect(result).toMatchObject({ accepted: 1200, rejected: 0 });
    expect(typesOf(await house.events()).slice(before.length)).toStrictEqual(['NotificationRequested', 'ChunkAdded', 'BatchClosed']);
    const again = await upload(people(1200));
    expect(again).toStrictEqual({ ...result, replayed: true });
  });

  /** Killed after a chunk's notification was asked for and before the chunk was noted. */
  const stopped = async (lines: readonly BatchLine[]): Promise<void> => {
    const broken = batchCommands({
      ...ports,
      log: {
        read: (streams) => house.log.read(streams),
        append: (writes) => {
          if (writes.some(({ events }) => events.some(({ type }) => type === 'ChunkAdded'))) throw new Error('killed');
          return house.log.append(writes);
        },
      },
    });
    const dying = broken.upload(caller({ idempotencyKey: 'spring mailing' }), { mode: 'live', message: MESSAGE, lines: stream(lines) });
    await expect(dying).rejects.toThrow('killed');
    house.clock.advance(60_000);
  };

  test('that stopped between a notification and its chunk does not ask for it twice', async () => {
    await stopped(people(10));
    expect(await upload(people(10))).toMatchObject({ accepted: 10, rejected: 0 });
    expect(typesOf(await house.events())).toStrictEqual(['BatchOpened', 'NotificationRequested', 'ChunkAdded', 'BatchClosed']);
  });

  test('that stopped there and is sent again with other lines is refused: those of the notification have been told', async () => {
    await stopped(people(10));
    expect(await upload([...people(9), person(7777)])).toMatchObject({ problems: [{ rejected: 'idempotency_key_reused' }] });
    expect(typesOf(await house.events())).toStrictEqual(['BatchOpened', 'NotificationRequested']);
  });

  test('of a message that has expired since gets its first answer; what an upload left out would come too late', async () => {
    const message = { ...MESSAGE, expires: { at: '2026-11-22T00:00:00.000Z' as Instant } };
    const first = await upload(people(3), { message });
    await expect(upload(people(600), { message, key: 'broken', breakAfter: 550 })).rejects.toThrow('the connection was lost');
    house.clock.advance(400 * 86_400_000);
    expect(await upload(people(3), { message })).toStrictEqual({ ...first, replayed: true });
    expect(await upload(people(600), { message, key: 'broken' })).toMatchObject({ problems: [{ rejected: 'already_expired' }] });
    expect(await upload(people(3), { message, key: 'new' })).toMatchObject({ problems: [{ rejected: 'already_expired' }] });
  });

  test('beside one with another message under the same key: one of them is refused, and nobody is told what the other says', async () => {
    const other: MessageInput = { ...MESSAGE, content: { sms: { text: 'Other' } } };
    const [first, second] = await Promise.all([upload(people(3)), upload(people(3), { message: other })]);
    expect(first).toMatchObject({ accepted: 3, rejected: 0 });
    expect(second).toMatchObject({ problems: [{ rejected: 'idempotency_key_reused' }] });
  });

  test('beside the same one under the same key: both get the same answer', async () => {
    const [first, second] = await Promise.all([upload(people(600)), upload(people(600))]);
    expect(second).toMatchObject({ ...('id' in first && { id: first.id, accepted: 600, rejected: 0 }) });
    expect(typesOf(await house.events()).filter((it) => it === 'ChunkAdded' || it === 'NotificationRequested')).toHaveLength(4);
  });

  test.each([
    ['another message', people(600), { message: { ...MESSAGE, content: { sms: { text: 'Other' } } } }],
    ['other lines', [...people(599), person(7777)], {}],
    ['more lines', people(1001), {}],
    ['fewer lines', people(500), {}],
  ])('with %s under the same key is refused, and nobody is told anything', async (_, lines, more) => {
    await upload(people(600));
    const before = await house.events();
    expect(await upload(lines, more)).toMatchObject({ problems: [{ rejected: 'idempotency_key_reused' }] });
    expect(await house.events()).toHaveLength(before.length);
  });

  test('a line that names nobody is a verdict about that line', async () => {
    const bad = { email: 'nobody' };
    const large = { recipientId: 'user-1', variables: { text: 'x'.repeat(MAX_LINE_BYTES) } };
    const lines: readonly BatchLine[] = [
      person(0),
      { raw: 'not json', refusal: { code: 'invalid_line', detail: 'write one JSON document a line' } },
      { raw: JSON.stringify(bad), recipient: bad },
      person(0),
      { raw: JSON.stringify(large), recipient: large },
      { raw: '{}', recipient: {} },
    ];
    expect(await upload(lines)).toMatchObject({ accepted: 1, rejected: 5 });
    const [chunk] = ofType<Extract<BatchEvent, { type: 'ChunkAdded' }>>(await house.events(), 'ChunkAdded');
    expect(chunk?.data.rejections.map(({ line, code }) => [line, code])).toStrictEqual([
      [2, 'invalid_line'],
      [3, 'invalid_email'],
      [4, 'duplicate_recipient'],
      [5, 'line_too_large'],
      [6, 'no_recipient'],
    ]);
  });

  describe('that names somebody in two chunks', () => {
    const again = [person(0), person(CHUNK_LINES + 1), { raw: '{}', recipient: {} }];
    const lines = [...people(CHUNK_LINES + 2), ...again, ...people(CHUNK_LINES, 2000), person(1), person(2000)];
    const later = [
      [CHUNK_LINES + 3, 'duplicate_recipient', 'the same person stands earlier in this request'],
      [CHUNK_LINES + 4, 'duplicate_recipient', 'the same person stands earlier in this request'],
      [CHUNK_LINES + 5, 'no_recipient', 'name the person by recipientId or give an address'],
      [2 * CHUNK_LINES + 6, 'duplicate_recipient', 'the same person stands earlier in this request'],
      [2 * CHUNK_LINES + 7, 'duplicate_recipient', 'the same person stands earlier in this request'],
    ];
    const rejected = async () =>
      ofType<Extract<BatchEvent, { type: 'ChunkAdded' }>>(await house.events(), 'ChunkAdded').flatMap(({ data }) =>
        data.rejections.map(({ line, code, detail }) => [line, code, detail]),
      );
    const asked = async () =>
      ofType<NotificationRequested>(await house.events(), 'NotificationRequested').flatMap(({ data }) =>
        data.recipients.map(({ subject }) => subject),
      );

    test('asks for them once, and refuses the later lines as within one chunk', async () => {
      expect(await upload(lines)).toMatchObject({ accepted: 2 * CHUNK_LINES + 2, rejected: 5 });
      expect(await rejected()).toStrictEqual(later);
      const subjects = await asked();
      expect(new Set(subjects).size).toBe(subjects.length);
    });

    test.each([0, 1, 2])('and breaks off after %i chunks comes to the same when it is sent again', async (chunks) => {
      await expect(upload(lines, { breakAfter: chunks * CHUNK_LINES + 1 })).rejects.toThrow('the connection was lost');
      expect(await upload(lines)).toMatchObject({ accepted: 2 * CHUNK_LINES + 2, rejected: 5 });
      expect(await rejected()).toStrictEqual(later);
      const subjects = await asked();
      expect(new Set(subjects).size).toBe(subjects.length);
    });

    test('and stopped between a chunk’s notification and the note of it too', async () => {
      const { log } = house;
      let chunksNoted = 0;
      const failing: typeof log = {
        ...log,
        append: (writes) =>
          writes.some(({ events }) => events.some(({ type }) => type === 'ChunkAdded')) && ++chunksNoted === 2
            ? Promise.reject(new Error('it stopped'))
            : log.append(writes),
      };
      const stopping = batchCommands({ ...ports, log: failing });
      const request = { mode: 'live', message: MESSAGE } as const;
      await expect(stopping.upload(caller({ idempotencyKey: 'k' }), { ...request, lines: stream(lines) })).rejects.toThrow('it stopped');
      expect(await upload(lines, { key: 'k' })).toMatchObject({ accepted: 2 * CHUNK_LINES + 2, rejected: 5 });
      expect(await rejected()).toStrictEqual(later);
    });

    test('reads no notification where the upload only repeats', async () => {
      const first = await upload(lines);
      const read: string[] = [];
      const reading: typeof house.log = {
        ...house.log,
        read: (streams) => {
          read.push(...streams);
          return house.log.read(streams);
        },
      };
      const repeating = batchCommands({ ...ports, log: reading });
      const request = { mode: 'live', message: MESSAGE, lines: stream(lines) } as const;
      expect(await repeating.upload(caller({ idempotencyKey: 'spring mailing' }), request)).toStrictEqual({ ...first, replayed: true });
      expect(read.filter((it) => it.startsWith('notification-'))).toStrictEqual([]);
    });
  });

  test('a line that is refused names whom it was for, where that can be read', async () => {
    const [ana, bo] = [
      { recipientId: 'user-0', email: 'nonsense' },
      { email: 'bo@example.com', phone: '12' },
    ];
    const wrong = [ana, bo, { phone: '12' }].map((recipient): BatchLine => ({ raw: JSON.stringify(recipient), recipient }));
    const [anas, bos] = await house.subjects.resolve(caller().tenant, [{ recipientId: 'user-0' }, { address: 'email:bo@example.com' }]);
    await upload(wrong);
    const [alone] = ofType<Extract<BatchEvent, { type: 'ChunkAdded' }>>(await house.events(), 'ChunkAdded');
    expect([alone?.data.type, alone?.data.rejections.map(({ line, code, subject }) => [line, code, subject])]).toStrictEqual([
      'news',
      [
        [1, 'invalid_email', anas],
        [2, 'invalid_phone', bos],
        [3, 'invalid_phone', undefined],
      ],
    ]);
    await upload([...wrong, person(5)], { key: 'with somebody' });
    const [requested] = ofType<NotificationRequested>(await house.events(), 'NotificationRequested');
    expect(requested?.data.refused.map(({ index, code, subject }) => [index, code, subject])).toStrictEqual([
      [0, 'invalid_email', anas],
      [1, 'invalid_phone', bos],
      [2, 'invalid_phone', undefined],
    ]);
  });

  test('a chunk of nobody has no notification, and an upload of nobody is no batch', async () => {
    expect(await upload([{ raw: '{}', recipient: {} }])).toMatchObject({ accepted: 0, rejected: 1 });
    expect(typesOf(await house.events())).toStrictEqual(['BatchOpened', 'ChunkAdded', 'BatchClosed']);
    expect(await upload([], { key: 'another' })).toMatchObject({ problems: [{ rejected: 'no_recipients' }] });
    expect(await house.events()).toHaveLength(3);
  });

  test('large lines make smaller chunks, the same ones when they are sent again', async () => {
    const lines = [...Array(30).keys()].map((n): BatchLine => {
      const recipient = { recipientId: `user-${String(n)}`, variables: { text: 'x'.repeat(50_000) } };
      return { raw: JSON.stringify(recipient), recipient };
    });
    await expect(upload(lines, { breakAfter: 21 })).rejects.toThrow();
    expect(await upload(lines)).toMatchObject({ accepted: 30 });
    const chunks = ofType<Extract<BatchEvent, { type: 'ChunkAdded' }>>(await house.events(), 'ChunkAdded');
    expect(chunks.map(({ data }) => data.lines)).toStrictEqual([
      { from: 1, to: 7 },
      { from: 8, to: 14 },
      { from: 15, to: 21 },
      { from: 22, to: 28 },
      { from: 29, to: 30 },
    ]);
  });

  test('keeps to the chunks that the batch was opened with, whatever their size is by now', async () => {
    const older = batchCommands({
      ...ports,
      log: {
        read: (streams) => house.log.read(streams),
        append: (writes) => {
          if (writes.some(({ events }) => events.some(({ type }) => type === 'NotificationRequested'))) throw new Error('killed');
          const ofThree = (it: AnyFact): AnyFact => (it.type === 'BatchOpened' ? { ...it, data: { ...it.data, chunkLines: 3 } } : it);
          return house.log.append(writes.map((write) => ({ ...write, events: write.events.map(ofThree) })));
        },
      },
    });
    const dying = older.upload(caller({ idempotencyKey: 'spring mailing' }), { mode: 'live', message: MESSAGE, lines: stream(people(7)) });
    await expect(dying).rejects.toThrow('killed');
    expect(await upload(people(7))).toMatchObject({ accepted: 7 });
    const chunks = ofType<Extract<BatchEvent, { type: 'ChunkAdded' }>>(await house.events(), 'ChunkAdded');
    expect(chunks.map(({ data }) => data.lines)).toStrictEqual([
      { from: 1, to: 3 },
      { from: 4, to: 6 },
      { from: 7, to: 7 },
    ]);
  });

  test('a message that the catalogue refuses is no batch', async () => {
    const { category: _, ...uncategorised } = MESSAGE;
    expect(await upload(people(3), { message: uncategorised })).toMatchObject({ problems: [{ rejected: 'category_required' }] });
    expect(await house.events()).toStrictEqual([]);
  });

  test('of a batch that is cancelled on the way ends there; what it had asked for is cancelled with it', async () => {
    const id = (await house.indexes.uuid(caller().tenant, 'batch', 'spring mailing')) as BatchId;
    const lines = people(1200);
    const cancelling = async function* (): AsyncGenerator<readonly BatchLine[]> {
      yield lines.slice(0, 700);
      await batches.cancel(caller(), id, 'wrong list');
      yield lines.slice(700);
    };
    const result = await batches.upload(caller({ idempotencyKey: 'spring mailing' }), {
      mode: 'live',
      message: MESSAGE,
      lines: cancelling(),
    });
    expect(result).toMatchObject({ problems: [{ rejected: 'batch_cancelled' }] });
    expect(typesOf(await house.events())).toStrictEqual([
      'BatchOpened',
      'NotificationRequested',
      'ChunkAdded',
      'BatchCancelled',
      'NotificationRequested',
      'ChunkAdded',
      'BatchCancelled',
    ]);
  });
});

describe('a batch', () => {
  test('is paused, resumed, rescheduled and cancelled', async () => {
    const result = await upload(people(2));
    if ('problems' in result) throw new Error('refused');
    const schedule = { at: '2026-12-01T09:00:00.000Z' as Instant };
    await batches.pause(caller(), result.id);
    await batches.resume(caller(), result.id);
    await batches.reschedule(caller(), result.id, schedule);
    const { position } = (await batches.cancel(caller(), result.id)) as { position?: string };
    expect(position).toBe((await house.recorded()).at(-1)?.position);
    expect((await house.events()).slice(4)).toStrictEqual([
      { type: 'BatchPaused', data: { batchId: result.id, pausedAt: START } },
      { type: 'BatchResumed', data: { batchId: result.id, resumedAt: START } },
      { type: 'BatchRescheduled', data: { batchId: result.id, schedule, planAt: schedule.at, rescheduledAt: START } },
      { type: 'BatchCancelled', data: { batchId: result.id, cancelledAt: START } },
    ]);
    expect(await batches.pause(caller(), result.id)).toMatchObject({ rejected: 'batch_cancelled' });
    expect(await batches.pause(caller(), 'none' as BatchId)).toMatchObject({ rejected: 'batch_not_found' });
  });
});
