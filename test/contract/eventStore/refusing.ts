import { describe, expect, test } from 'vitest';
import type { EncodedEvent } from '../../../src/adapters/eventstore/port.ts';
import type { StreamName } from '../../../src/domain/values/ids.ts';
import { anEvent, aStream, refusal, someEvents, stored, unplaced } from './samples.ts';
import type { StoreOf } from './samples.ts';

const bytesOf = ({ id, type, data, metadata }: EncodedEvent): number => Buffer.byteLength(id + type + data + metadata);
/** An event whose text is exactly so many bytes. */
const ofBytes = (bytes: number): EncodedEvent => {
  const empty = anEvent({ data: '""' });
  return { ...empty, data: `"${'x'.repeat(bytes - bytesOf(empty))}"` };
};

export function refusing(store: StoreOf): void {
  test('an append of 900,000 bytes is taken, one more is refused before it is sent', async () => {
    const [fits, not] = [aStream(), aStream()];
    const events = [ofBytes(400_000), ofBytes(500_000)];
    await store().append(fits, 'absent', events);
    expect(unplaced(await store().readStream(fits))).toStrictEqual(stored(fits, events));
    const refused = store().append(not, 'absent', [ofBytes(400_000), ofBytes(500_001)]);
    expect(await refusal(refused)).toStrictEqual({ kind: 'invalid', code: 'append_too_large' });
    expect(await store().readStream(not)).toStrictEqual([]);
  });

  test('bytes are counted in UTF-8', async () => {
    const event = anEvent({ data: `"${'ä'.repeat(450_001)}"` });
    expect(await refusal(store().append(aStream(), 'absent', [event]))).toStrictEqual({ kind: 'invalid', code: 'append_too_large' });
  });

  const bad: readonly (readonly [what: string, code: string, event: Partial<EncodedEvent>])[] = [
    ['an id in capitals', 'bad_event_id', { id: 'AAAAAAAA-0000-4000-8000-000000000000' }],
    ['an id that is no UUID', 'bad_event_id', { id: 'one' }],
    ['an empty type', 'bad_event_type', { type: '' }],
    ['a NUL in a type', 'bad_event_type', { type: 'a\0' }],
    ['half a surrogate pair in a type', 'bad_event_type', { type: 'a\ud800' }],
    ['data that is no JSON', 'append_not_json', { data: '{"a":}' }],
    ['empty data', 'append_not_json', { data: '' }],
    ['metadata that is no JSON', 'append_not_json', { metadata: 'undefined' }],
    ['a NUL in data', 'append_not_json', { data: '"\0"' }],
    ['half a surrogate pair in data', 'append_not_json', { data: '"\ud83d"' }],
  ];
  test.each(bad)('%s is refused: %s', async (_, code, over) => {
    const stream = aStream();
    expect(await refusal(store().append(stream, 'absent', [anEvent(), anEvent(over)]))).toStrictEqual({ kind: 'invalid', code });
    expect(await store().readStream(stream)).toStrictEqual([]);
  });

  test('an append without events is refused', async () => {
    expect(await refusal(store().append(aStream(), 'absent', []))).toStrictEqual({ kind: 'invalid', code: 'append_empty' });
  });

  test.each([-1, 0.5, Number.NaN, 2 ** 31])('%s is no revision to expect', async (at) => {
    expect(await refusal(store().append(aStream(), at, someEvents(1)))).toStrictEqual({ kind: 'invalid', code: 'bad_revision' });
  });

  test.each(['', 'sample-a_\0', 'sample-a_\udc00', `sample-a_${'x'.repeat(1_024)}`])(
    'a name that cannot be stored is no stream',
    async (name) => {
      const stream = name as StreamName;
      const bad = { kind: 'invalid', code: 'bad_stream' };
      expect(await refusal(store().append(stream, 'absent', someEvents(1)))).toStrictEqual(bad);
      expect(await refusal(store().readStream(stream))).toStrictEqual(bad);
      expect(await refusal(store().readStreams([aStream(), stream]))).toStrictEqual(bad);
    },
  );

  describe('text comes back as it was given', () => {
    const texts: readonly (readonly [what: string, text: string])[] = [
      ['white space and the order of members', ' { "b" : 1 ,\n\t"a" : [ ] } '],
      ['repeated members', '{"a":1,"a":2}'],
      ['numbers that no double holds', '{"n":12345678901234567890.123456789e-7,"z":-0.0,"e":1E400}'],
      ['an escaped NUL', String.raw`{"nul":"a\u0000b","\u0000":1}`],
      ['escaped halves of surrogate pairs', String.raw`{"half":"\ud800","back":"\udc00\ud800"}`],
      ['escapes', String.raw`{"e":"\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00"}`],
      ['all planes', '{"t":"ä ß 漢字 \u2028\u2029 😀 👩‍👩‍👧 \u{10ffff} \u007f"}'],
      ['a string', '"text"'],
      ['null', 'null'],
    ];
    test.each(texts)('%s', async (_, text) => {
      const stream = aStream();
      const event = anEvent({ type: 'Täglich 😀 "\\', data: text, metadata: text });
      await store().append(stream, 'absent', [event]);
      expect(unplaced(await store().readStream(stream))).toStrictEqual(stored(stream, [event]));
    });
  });
}
