import { describe, expect, test } from 'vitest';
import { handle, handleMany, MAX_TRIES, type Item } from '../../src/commands/handle.ts';
import type { EventLog } from '../../src/commands/ports.ts';
import { MAIN, TENANT } from '../../src/commands/registry.ts';
import { PortError } from '../../src/domain/kernel/portError.ts';
import type { TenantCommand } from '../../src/domain/tenant/tenant.ts';
import type { TenantId } from '../../src/domain/values/ids.ts';
import { ACME, openHouse, START } from '../support/house.ts';

const createTenant = (name: string): TenantCommand => ({ type: 'CreateTenant', data: { tenantId: ACME, name, now: START } });
const rename = (postalAddress: string): TenantCommand => ({ type: 'ChangeSettings', data: { patch: { postalAddress }, now: START } });

const item = (input: TenantCommand, commandId: string, tenant: TenantId = ACME): Item<TenantCommand> => ({
  id: MAIN,
  input,
  context: {
    tenant,
    envelope: {
      commandId,
      correlationId: 'correlation',
      causationId: commandId,
      actor: { kind: 'key', id: 'k1' },
      occurredAt: START,
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    },
  },
});

/** A log in which somebody else writes first, before each of the next appends. */
function disturbed(log: EventLog, times: number): EventLog & { readonly reads: () => number } {
  let left = times;
  let reads = 0;
  return {
    reads: () => reads,
    read: (streams) => {
      reads++;
      return log.read(streams);
    },
    append: async (writes) => {
      if (left > 0) {
        left--;
        const other = await handle(log, TENANT)(item(rename(`${String(left)} Other Street`), `other-${String(left)}`));
        if ('rejected' in other) throw new Error(other.rejected);
      }
      return log.append(writes);
    },
  };
}

describe('one command', () => {
  test('is decided upon what the stream holds and recorded with where it came from', async () => {
    const { log, recorded } = await openHouse();
    await handle(log, TENANT)(item(createTenant('Acme'), 'c1'));
    const result = await handle(log, TENANT)(item(rename('1 Road'), 'c2'));
    expect(result).toMatchObject({ revision: 1, repeated: false, state: { status: 'created', name: 'Acme', version: 1 } });
    const { id: _, position, meta, ...last } = (await recorded())[1] ?? { id: '', position: '', meta: undefined };
    expect(last).toStrictEqual({
      stream: 'tenant-acme_main',
      revision: 1,
      event: {
        type: 'SettingsChanged',
        data: {
          version: 1,
          settings: { sender: {}, postalAddress: '1 Road', branding: {}, unknownTypes: 'allow' },
          changedAt: START,
        },
      },
    });
    expect('position' in result && result.position).toBe(position);
    expect(meta).toMatchObject({
      tenantId: 'acme',
      commandId: 'c2',
      correlationId: 'correlation',
      causationId: 'c2',
      actor: { kind: 'key', id: 'k1' },
      occurredAt: START,
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
  });

  test('that is refused records nothing', async () => {
    const { log, events } = await openHouse();
    expect(await handle(log, TENANT)(item(rename('1 Road'), 'c1'))).toMatchObject({ rejected: 'tenant_not_found' });
    expect(await events()).toStrictEqual([]);
  });

  test('that comes again gets the first result, whatever has happened since', async () => {
    const { log, events } = await openHouse();
    await handle(log, TENANT)(item(createTenant('Acme'), 'c1'));
    const first = await handle(log, TENANT)(item(rename('1 Road'), 'c2'));
    await handle(log, TENANT)(item(rename('2 Road'), 'c3'));
    const again = await handle(log, TENANT)(item(rename('3 Road'), 'c2'));
    expect(again).toStrictEqual({ ...first, repeated: true });
    expect((await events()).map(({ type }) => type)).toStrictEqual(['TenantCreated', 'SettingsChanged', 'SettingsChanged']);
  });

  test('that loses a race is decided again upon what the winner left', async () => {
    const { log } = await openHouse();
    await handle(log, TENANT)(item(createTenant('Acme'), 'c1'));
    const result = await handle(disturbed(log, 2), TENANT)(item(rename('1 Road'), 'c2'));
    expect(result).toMatchObject({ revision: 3, state: { version: 3, settings: { postalAddress: '1 Road' } } });
  });

  test('that loses every race gives up', async () => {
    const { log, events } = await openHouse();
    await handle(log, TENANT)(item(createTenant('Acme'), 'c1'));
    const giveUp = handle(disturbed(log, MAX_TRIES), TENANT)(item(rename('1 Road'), 'c2'));
    await expect(giveUp).rejects.toMatchObject({ kind: 'conflict', code: 'contended' });
    expect(await events()).toHaveLength(1 + MAX_TRIES);
  });

  test('whose append has an open outcome says so', async () => {
    const { log } = await openHouse();
    const broken: EventLog = {
      read: (streams) => log.read(streams),
      append: (writes) =>
        Promise.resolve(
          writes.map(() => ({ ok: false, conflict: false, error: new PortError('unavailable', 'append_timeout', 'no answer') })),
        ),
    };
    await expect(handle(broken, TENANT)(item(createTenant('Acme'), 'c1'))).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'append_timeout',
    });
  });

  test('whose append arrived although no answer came finds its own events when it is repeated', async () => {
    const { log, events } = await openHouse();
    const deaf: EventLog = {
      read: (streams) => log.read(streams),
      append: async (writes) => {
        await log.append(writes);
        return writes.map(() => ({ ok: false, conflict: false, error: new PortError('unavailable', 'append_timeout', 'no answer') }));
      },
    };
    await expect(handle(deaf, TENANT)(item(createTenant('Acme'), 'c1'))).rejects.toMatchObject({ code: 'append_timeout' });
    expect(await handle(log, TENANT)(item(createTenant('Acme'), 'c1'))).toMatchObject({ revision: 0, repeated: true });
    expect(await events()).toHaveLength(1);
  });

  test('for a stream that should be new does without reading it, and reads it when it is there', async () => {
    const { log } = await openHouse();
    const counting = disturbed(log, 0);
    const first = await handle(counting, TENANT)({ ...item(createTenant('Acme'), 'c1'), fresh: true });
    expect(first).toMatchObject({ revision: 0 });
    expect(counting.reads()).toBe(0);
    expect(await handle(counting, TENANT)({ ...item(createTenant('Other'), 'c2'), fresh: true })).toMatchObject({
      rejected: 'tenant_exists',
    });
    expect(counting.reads()).toBe(1);
  });
});

describe('many commands', () => {
  test('each have an outcome of their own, in order', async () => {
    const { log } = await openHouse();
    const beta = 'beta' as TenantId;
    await handle(log, TENANT)(item(createTenant('Acme'), 'c0'));
    const outcomes = await handleMany(
      log,
      TENANT,
    )([
      item(rename('1 Road'), 'c1'),
      item(rename('1 Road'), 'c2', beta),
      item(createTenant('Beta'), 'c3', beta),
      item(rename('1 Road'), 'c4'),
      item(rename('2 Road'), 'c5', beta),
    ]);
    expect(
      outcomes.map((it) => ('rejected' in it ? it.rejected : it instanceof PortError ? it.code : [it.revision, it.events.length])),
    ).toStrictEqual([[1, 1], 'tenant_not_found', [0, 1], [1, 0], [1, 1]]);
  });

  test('one that cannot be written takes no neighbour with it', async () => {
    const { log } = await openHouse();
    const huge = 'x'.repeat(950_000);
    const outcomes = await handleMany(
      log,
      TENANT,
    )([
      item(createTenant('Acme'), 'c1'),
      item(createTenant(huge), 'c2', 'beta' as TenantId),
      item(createTenant('Gamma'), 'c3', 'gamma' as TenantId),
    ]);
    expect(outcomes.map((it) => (it instanceof PortError ? it.code : 'revision' in it ? it.revision : it.rejected))).toStrictEqual([
      0,
      'append_too_large',
      0,
    ]);
  });
});
