import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codecOf, type Codec } from '../../../src/adapters/codec/codec.ts';
import { isUnreadable } from '../../../src/adapters/codec/decode.ts';
import { memoryKeys } from '../../support/memoryKeys.ts';
import type { EncodedEvent, StoredEvent, Write } from '../../../src/adapters/eventstore/port.ts';
import type { Envelope, EventWrite } from '../../../src/commands/ports.ts';
import type { Unreadable } from '../../../src/consumers/ports.ts';
import { canonicalJson } from '../../../src/domain/kernel/canonicalJson.ts';
import type { AnyFact } from '../../../src/domain/kernel/decider.ts';
import type { Recorded } from '../../../src/domain/kernel/metadata.ts';
import { isSealed, open, type Sealed } from '../../../src/domain/kernel/personal.ts';
import { PortError } from '../../../src/domain/kernel/portError.ts';
import { count, firstVersion, json, list, optional, record, shape, text } from '../../../src/domain/kernel/schema.ts';
import type { Position, StreamName, SubjectId } from '../../../src/domain/values/ids.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';
import type { TenantId } from '../../../src/domain/values/ids.ts';

const tenant = 'acme' as TenantId;
const stream = 'notification-acme_n1' as StreamName;
const CANARY = 'canary.person@example.org';

const types = {
  Asked: firstVersion(
    shape({
      title: text,
      note: optional(text),
      soleSubject: optional(text),
      people: list(shape({ index: count, subject: text, person: optional(text), inner: optional(shape({ own: optional(text) })) })),
    }),
    [
      { path: 'note', class: 'content', subject: 'soleSubject' },
      { path: 'people[].person', class: 'identity', subject: 'people[].subject' },
      { path: 'people[].inner.own', class: 'content', subject: 'people[].subject' },
    ],
  ),
  Answered: firstVersion(
    shape({
      details: list(shape({ n: count, subject: text, detail: text })),
      remarks: list(shape({ subject: text, remark: optional(text) })),
    }),
    [
      { path: 'details[].detail', class: 'engagement', subject: 'details[].subject', onErased: 'dropElement' },
      { path: 'remarks[].remark', class: 'engagement', subject: 'remarks[].subject', onErased: 'drop' },
    ],
  ),
  Free: firstVersion(shape({ any: record(json) })),
} as const;

const envelope = (commandId = 'command-1'): Envelope => ({
  commandId,
  correlationId: 'correlation-1',
  causationId: 'cause-1',
  actor: { kind: 'key', id: 'key-1' },
  occurredAt: '2026-07-30T10:00:00.000Z' as Instant,
});
const write = (events: readonly AnyFact[], more: Partial<EventWrite> = {}): EventWrite => ({
  stream,
  at: 'absent',
  events,
  envelope: envelope(),
  ...more,
});

const setUp = (): ReturnType<typeof memoryKeys> & { readonly codec: Codec } => {
  const keys = memoryKeys();
  return { ...keys, codec: codecOf(types, keys.vault) };
};
async function encoded(codec: Codec, ...writes: readonly EventWrite[]): Promise<readonly (readonly EncodedEvent[])[]> {
  const results = await codec.encode(writes);
  return results.map((it) => {
    if (it instanceof PortError) throw it;
    return it.events;
  });
}
const stored = (event: EncodedEvent, more: Partial<StoredEvent> = {}): StoredEvent => ({
  ...event,
  stream,
  revision: 0,
  position: '0000000000000001' as Position,
  ...more,
});
function read(codec: Codec, event: StoredEvent): Recorded {
  const it = codec.decode(event);
  if (isUnreadable(it)) throw new Error(it.unreadable.code);
  return it;
}
const refusal = (it: Write | PortError | undefined): string => (it instanceof PortError ? `${it.kind} ${it.code}` : 'encoded');

async function people(keys: ReturnType<typeof memoryKeys>, ...ids: readonly string[]): Promise<readonly SubjectId[]> {
  const subjects = await keys.subjects.resolve(
    tenant,
    ids.map((recipientId) => ({ recipientId })),
  );
  return subjects.map((subject) => {
    if (subject === 'erased') throw new Error('erased');
    return subject;
  });
}
const asked = (one: SubjectId, two: SubjectId): AnyFact => ({
  type: 'Asked',
  data: {
    title: 'hello',
    note: open({ body: `for ${CANARY}` }),
    soleSubject: one,
    people: [
      { index: 0, subject: one, person: open({ email: CANARY }), inner: { own: open([CANARY, 1]) } },
      { index: 1, subject: two, person: open({ email: `2${CANARY}` }), inner: {} },
      { index: 2, subject: two },
    ],
  },
});

describe('an event through the codec', () => {
  test('comes back as it was, its personal fields as handles that open', async () => {
    const keys = setUp();
    const { codec, vault } = keys;
    const [one, two] = (await people(keys, 'a', 'b')) as [SubjectId, SubjectId];
    const [[event]] = (await encoded(codec, write([asked(one, two)]))) as [[EncodedEvent]];
    const recorded = read(codec, stored(event, { revision: 7 }));
    const data = recorded.event.data as { note: Sealed; people: { person?: Sealed; inner?: { own?: Sealed } }[] };
    const handles = [data.note, data.people[0]?.person, data.people[0]?.inner?.own, data.people[1]?.person] as Sealed[];
    expect(handles.every((it) => isSealed(it))).toBe(true);
    expect(await vault.open(handles)).toStrictEqual([
      { value: { body: `for ${CANARY}` } },
      { value: { email: CANARY } },
      { value: [CANARY, 1] },
      { value: { email: `2${CANARY}` } },
    ]);
    expect(
      handles.map(({ tenant: of, subject, class: dataClass, period, aad }) => ({ of, subject, dataClass, period, aad })),
    ).toStrictEqual(
      (
        [
          ['content', one],
          ['identity', one],
          ['content', one],
          ['identity', two],
        ] as const
      ).map(([dataClass, subject]) => ({
        of: 'acme',
        subject,
        dataClass,
        period: '2026-07',
        aad: `acme|${stream}|${event.id}|Asked|${dataClass}|1`,
      })),
    );
    expect({ ...recorded, event: { ...recorded.event, data: { ...data, note: 'n', people: data.people.length } } }).toStrictEqual({
      id: event.id,
      stream,
      revision: 7,
      position: '0000000000000001',
      event: { type: 'Asked', data: { title: 'hello', note: 'n', soleSubject: one, people: 3 } },
      meta: { tenantId: 'acme', ...envelope(), schemaVersion: 1, digest: createHash('sha256').update(event.data).digest('base64url') },
    });
  });

  test('holds nothing personal in its stored text', async () => {
    const keys = setUp();
    const [one, two] = (await people(keys, CANARY, 'b')) as [SubjectId, SubjectId];
    const [[event]] = (await encoded(keys.codec, write([asked(one, two)]))) as [[EncodedEvent]];
    expect(JSON.stringify(event)).toContain(one);
    expect(JSON.stringify(event).toLowerCase()).not.toContain('canary');
    expect(JSON.stringify(event)).not.toContain(Buffer.from(CANARY).toString('base64url').slice(2, -2));
  });

  test('is canonical text, digested in its metadata', async () => {
    const { codec } = setUp();
    const [[event]] = (await encoded(codec, write([{ type: 'Free', data: { any: { z: 1, a: { '10': 2, '9': 1 } } } }]))) as [
      [EncodedEvent],
    ];
    expect(event.data).toBe('{"any":{"a":{"10":2,"9":1},"z":1}}');
    expect((JSON.parse(event.metadata) as { digest: string }).digest).toBe('YTGSebWvgk7A0Py_lw3VqB_cSh6tzqOC00pLb7-ajL0');
  });

  test('is left as it was in the hands of the command that made it', async () => {
    const keys = setUp();
    const [one, two] = (await people(keys, 'a', 'b')) as [SubjectId, SubjectId];
    const event = asked(one, two);
    const before = structuredClone(event);
    await encoded(keys.codec, write([event]));
    expect(event).toStrictEqual(before);
  });

  test('has an id that only command, stream and place decide', async () => {
    const { codec } = setUp();
    const free: AnyFact = { type: 'Free', data: { any: {} } };
    const ids = async (...writes: readonly EventWrite[]): Promise<readonly string[]> =>
      (await encoded(codec, ...writes)).flatMap((events) => events.map(({ id }) => id));
    const first = await ids(
      write([free, free]),
      write([free], { stream: 'notification-acme_n2' as StreamName }),
      write([free], { envelope: envelope('command-2') }),
    );
    expect(new Set(first).size).toBe(4);
    expect(first.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toBe(true);
    expect(await ids(write([{ type: 'Free', data: { any: { other: 1 } } }, free]))).toStrictEqual(first.slice(0, 2));
  });

  test('whatever JSON it holds comes back equal', async () => {
    const { codec, vault } = setUp();
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' })),
        fc.jsonValue({ stringUnit: 'binary' }),
        async (any, note) => {
          const [[free, withNote]] = (await encoded(
            codec,
            write([
              { type: 'Free', data: { any } },
              { type: 'Asked', data: { title: 't', people: [], note: open(note) } },
            ]),
          )) as [[EncodedEvent, EncodedEvent]];
          expect(canonicalJson(read(codec, stored(free)).event.data)).toBe(canonicalJson({ any }));
          const [opened] = await vault.open([(read(codec, stored(withNote)).event.data as { note: Sealed }).note]);
          expect(opened).toStrictEqual({ value: JSON.parse(JSON.stringify(note)) as unknown });
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a write that cannot be', () => {
  const free: AnyFact = { type: 'Free', data: { any: {} } };
  test.each<[string, AnyFact, string]>([
    ['of an unknown type', { type: 'Nobody', data: {} }, 'invalid event_unknown'],
    ['with a member that is not declared', { type: 'Free', data: { any: {}, more: 1 } }, 'invalid event_invalid'],
    ['with what JSON cannot say', { type: 'Free', data: { any: { a: Number.NaN } } }, 'invalid event_invalid'],
    ['with a personal field in clear', { type: 'Asked', data: { title: '', people: [], note: CANARY } }, 'invalid personal_not_open'],
    [
      'with a personal field of another event',
      { type: 'Asked', data: { title: '', people: [], note: { sealed: '1.a', tenant: 'acme' } } },
      'invalid personal_not_open',
    ],
    [
      'with a personal field that is undefined',
      { type: 'Asked', data: { title: '', people: [], note: open(undefined) } },
      'invalid personal_not_open',
    ],
    [
      'with a subject that is none',
      { type: 'Asked', data: { title: '', people: [], soleSubject: CANARY, note: open('x') } },
      'invalid event_invalid',
    ],
  ])('%s is refused, its neighbours are not, and the refusal quotes nothing', async (_, bad, code) => {
    const { codec } = setUp();
    const results = await codec.encode([
      write([free]),
      write([free, bad]),
      write([free], { stream: 'notification-acme_n2' as StreamName }),
    ]);
    expect(results.map(refusal)).toStrictEqual(['encoded', code, 'encoded']);
    expect((results[1] as PortError).message).not.toContain(CANARY);
  });

  test('with a wrong envelope is refused', async () => {
    const { codec } = setUp();
    const bad = [{ commandId: 'two words' }, { occurredAt: '2026-07-30T10:00:00Z' as Instant }, { traceparent: 'no' }];
    const results = await codec.encode(bad.map((part) => write([free], { envelope: { ...envelope(), ...part } })));
    expect(results.map(refusal)).toStrictEqual(['invalid envelope_invalid', 'invalid envelope_invalid', 'invalid envelope_invalid']);
  });

  test('for an erased person is refused, where each event is about one', async () => {
    const keys = setUp();
    const [one, two] = (await people(keys, 'a', 'b')) as [SubjectId, SubjectId];
    keys.rows.destroySubject(tenant, one);
    keys.clear();
    const about = (subject: SubjectId): AnyFact => ({
      type: 'Asked',
      data: { title: '', soleSubject: subject, note: open('x'), people: [] },
    });
    const results = await keys.codec.encode([write([about(one)]), write([about(two)], { stream: 'notification-acme_n2' as StreamName })]);
    expect(results.map(refusal)).toStrictEqual(['invalid subject_erased', 'encoded']);
  });
});

test('a fact about many people drops what an erased one said, and is recorded', async () => {
  const keys = setUp();
  const [one, two] = (await people(keys, 'a', 'b')) as [SubjectId, SubjectId];
  keys.rows.destroySubject(tenant, one);
  keys.clear();
  const answered: AnyFact = {
    type: 'Answered',
    data: {
      details: [one, two, one].map((subject, n) => ({ n, subject, detail: open(`said ${n}`) })),
      remarks: [one, two].map((subject) => ({ subject, remark: open('r') })),
    },
  };
  const [[event]] = (await encoded(keys.codec, write([answered]))) as [[EncodedEvent]];
  const data = read(keys.codec, stored(event)).event.data as {
    details: { n: number; detail: Sealed }[];
    remarks: { subject: SubjectId; remark?: Sealed }[];
  };
  expect(data.details.map(({ n }) => n)).toStrictEqual([1]);
  expect(data.remarks.map(({ subject, remark }) => [subject, remark === undefined])).toStrictEqual([
    [one, true],
    [two, false],
  ]);
  expect(
    await keys.vault.open([...data.details.map(({ detail }) => detail), ...data.remarks.flatMap(({ remark }) => remark ?? [])]),
  ).toStrictEqual([{ value: 'said 1' }, { value: 'r' }]);
});

test('an event moved to another stream or type no longer opens', async () => {
  const keys = setUp();
  const [one, two] = (await people(keys, 'a', 'b')) as [SubjectId, SubjectId];
  const [[event]] = (await encoded(keys.codec, write([asked(one, two)]))) as [[EncodedEvent]];
  const moved = [
    stored(event, { stream: 'notification-acme_n9' as StreamName }),
    stored({ ...event, id: 'f0000000-0000-8000-8000-000000000000' }),
  ];
  for (const it of moved) {
    const { note } = read(keys.codec, it).event.data as { note: Sealed };
    await expect(keys.vault.open([note])).rejects.toMatchObject({ kind: 'invalid', code: 'seal_broken' });
  }
});

describe('older and newer forms', () => {
  const v3 = {
    version: 3,
    schema: shape({ list: list(text), note: optional(text) }),
    upcast: [
      (v1: { one: string; note?: string }) => ({ ...v1, two: 'x' }),
      ({ one, two, ...rest }: { one: string; two: string }) => ({ ...rest, list: [one, two] }),
    ],
    sealed: [{ path: 'note', class: 'content' }],
  } as const;

  test('an old form is brought up step by step; what it sealed opens under the version it was stored with', async () => {
    const keys = memoryKeys();
    const old = codecOf(
      { Grew: { version: 1, schema: shape({ one: text, note: optional(text) }), upcast: [], sealed: v3.sealed } },
      keys.vault,
    );
    const [[event]] = (await encoded(old, write([{ type: 'Grew', data: { one: '1', note: open('secret') } }]))) as [[EncodedEvent]];
    const recorded = read(codecOf({ Grew: v3 }, keys.vault), stored(event));
    const { note, ...rest } = recorded.event.data as { note: Sealed };
    expect(rest).toStrictEqual({ list: ['1', 'x'] });
    expect(recorded.meta.schemaVersion).toBe(1);
    expect(await keys.vault.open([note])).toStrictEqual([{ value: 'secret' }]);
  });

  const sample = async (data: string, change: (meta: Record<string, unknown>) => unknown = (meta) => meta): Promise<StoredEvent> => {
    const [[event]] = (await encoded(setUp().codec, write([{ type: 'Free', data: { any: {} } }]))) as [[EncodedEvent]];
    return stored({
      ...event,
      type: 'Grew',
      data,
      metadata: JSON.stringify(change(JSON.parse(event.metadata) as Record<string, unknown>)),
    });
  };
  test.each<[string, Promise<StoredEvent>, string]>([
    ['a newer version', sample('{"list":[]}', (meta) => ({ ...meta, schemaVersion: 4 })), 'event_version_unknown'],
    ['a form that its schema refuses', sample('{"list":[1]}', (meta) => ({ ...meta, schemaVersion: 3 })), 'event_invalid'],
    ['an old form that no longer upcasts', sample('null', (meta) => ({ ...meta, schemaVersion: 2 })), 'upcast_failed'],
    ['no JSON', sample('{', (meta) => ({ ...meta, schemaVersion: 3 })), 'event_invalid'],
    ['metadata that is not ours', sample('{"list":[]}', () => ({ hello: 1 })), 'metadata_invalid'],
    ['an unknown type', sample('{"list":[]}').then((it) => ({ ...it, type: 'Other' })), 'event_unknown'],
    ['a type named like a member of every object', sample('{"list":[]}').then((it) => ({ ...it, type: 'constructor' })), 'event_unknown'],
  ])('%s is handed on to be parked, never thrown', async (_, event, code) => {
    const it = codecOf({ Grew: v3 }, memoryKeys().vault).decode(await event) as Unreadable;
    expect(it.unreadable).toStrictEqual({ type: (await event).type, code });
    expect(it.meta.tenantId).toBe('acme');
  });

  test('any stored text at all is read or handed on', async () => {
    const { codec } = setUp();
    const good = await sample('{}');
    fc.assert(
      fc.property(
        fc.constantFrom('Free', 'Asked', 'Grew', '__proto__'),
        fc.oneof(fc.json(), fc.string()),
        fc.oneof(fc.json(), fc.string(), fc.constant(good.metadata)),
        (type, data, metadata) => {
          expect(typeof codec.decode({ ...good, type, data, metadata })).toBe('object');
        },
      ),
    );
  });
});

describe('declarations that cannot work are found at the start', () => {
  test.each<[string, object]>([
    ['a version without its upcasts', { X: { version: 2, schema: text, upcast: [], sealed: [] } }],
    ['two arrays in a path', { X: firstVersion(text, [{ path: 'a[].b[].c', class: 'content' }]) }],
    ['an array as the field', { X: firstVersion(text, [{ path: 'a[]', class: 'content' }]) }],
    ['a subject of another array', { X: firstVersion(text, [{ path: 'a[].b', class: 'content', subject: 'c[].subject' }]) }],
    ['an element to drop where there is none', { X: firstVersion(text, [{ path: 'a', class: 'content', onErased: 'dropElement' }]) }],
  ])('%s', (_, declared) => {
    expect(() => codecOf(declared as never, memoryKeys().vault)).toThrow(TypeError);
  });
});
