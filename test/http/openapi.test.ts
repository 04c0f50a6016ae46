import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test } from 'vitest';
import { checkTemplate } from '../../src/adapters/templating/checkTemplate.ts';
import type { Draft } from '../../src/domain/template/events.ts';
import { apiOperations } from '../../src/http/api.ts';
import type { ApiPorts } from '../../src/http/api.ts';
import { openApiOf } from '../../src/http/openapi.ts';
import { createChecks } from '../../src/http/validation.ts';

/** Nothing behind it is ever called: the document comes from the declarations alone. */
const unused = new Proxy({ checks: createChecks() }, { get: (target, name) => Reflect.get(target, name) ?? {} }) as unknown as ApiPorts;
const operations = apiOperations(unused);
const document = openApiOf(operations, { version: '1.2.3', url: 'http://127.0.0.1:3000' });

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(document)));
    expect({ valid, errors }).toStrictEqual({ valid: true, errors: undefined });
  });

  test('every operation has an id of its own and stands at one path', () => {
    const ids = operations.map(({ id }) => id);
    expect(ids.filter((id, place) => ids.indexOf(id) !== place)).toStrictEqual([]);
    const places = operations.map(({ method, path }) => `${method} ${path}`);
    expect(places.filter((it, place) => places.indexOf(it) !== place)).toStrictEqual([]);
  });

  test('the parameters of every path are described', () => {
    const wrong = operations.filter(({ path, params }) => {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      return JSON.stringify(inPath.sort()) !== JSON.stringify(Object.keys(params.properties).sort());
    });
    expect(wrong.map(({ id }) => id)).toStrictEqual([]);
  });

  test('every schema can be compiled, and every request and answer that is JSON has one', () => {
    const checks = createChecks();
    for (const { body, params, query, responses, upload, described } of operations) {
      checks.body(body)({});
      checks.parameters(params)({});
      checks.parameters(query)({});
      if (described !== undefined) checks.body(described)({});
      if (upload?.kind === 'lines') checks.body(upload.line)({});
      for (const { schema, lines } of Object.values(responses)) {
        if (schema !== undefined) checks.body(schema)({});
        if (lines !== undefined) checks.body(lines)({});
      }
    }
    const silent = operations.filter(({ responses }) =>
      Object.entries(responses).some(([status, { schema }]) => schema === undefined && status !== '204'),
    );
    expect(silent.map(({ id }) => id)).toStrictEqual([]);
  });

  test('every GET of a tenant names the read models that it waits for, unless it reads none', () => {
    const without = operations.filter(({ method, scope, reads }) => method === 'get' && scope !== 'public' && reads === undefined);
    expect(without.map(({ id }) => id)).toStrictEqual(['listProjections', 'listParkedEvents', 'listParkedActions']);
  });

  test('every list is read a page at a time', () => {
    const lists = operations.filter(({ responses }) => JSON.stringify(responses[200]?.schema ?? {}).includes('"nextCursor"'));
    expect(lists.length).toBeGreaterThan(10);
    const whole = lists.filter(({ query }) => !('limit' in query.properties && 'cursor' in query.properties));
    expect(whole.map(({ id }) => id)).toStrictEqual([]);
  });

  test('every promised path is there', () => {
    const promised = [
      'post /v1/notifications',
      'post /v1/notifications/bulk',
      'post /v1/batches',
      'get /v1/batches',
      'get /v1/batches/{id}',
      'get /v1/batches/{id}/deliveries',
      'get /v1/batches/{id}/rejections',
      'post /v1/batches/{id}/cancel',
      'post /v1/batches/{id}/pause',
      'post /v1/batches/{id}/resume',
      'post /v1/batches/{id}/reschedule',
      'get /v1/notifications',
      'get /v1/notifications/{id}',
      'post /v1/notifications/{id}/cancel',
      'post /v1/notifications/{id}/reschedule',
      'post /v1/notifications/{id}/retry',
      'post /v1/notifications/cancel',
      'get /v1/deliveries',
      'get /v1/notifications/{id}/deliveries',
      'get /v1/deliveries/{id}',
      'get /v1/deliveries/{id}/explain',
      'get /v1/notifications/{id}/explain',
      'get /v1/explain',
      'get /v1/recipients/{recipientId}/timeline',
      'get /v1/dead-letters',
      'post /v1/dead-letters/{deliveryId}/redrive',
      'post /v1/dead-letters/redrive',
      'post /v1/attachments',
      'get /v1/captured',
      'delete /v1/captured',
      'put /v1/categories/{key}',
      'patch /v1/categories/{key}',
      'get /v1/categories/{key}',
      'put /v1/types/{type}',
      'patch /v1/types/{type}',
      'get /v1/types/{type}',
      'put /v1/templates/{key}',
      'post /v1/templates/{key}/publish',
      'post /v1/templates/{key}/rollback',
      'post /v1/templates/{key}/preview',
      'post /v1/templates/{key}/test',
      'get /v1/templates/{key}/versions',
      'get /v1/settings',
      'patch /v1/settings',
      'patch /v1/recipients/{recipientId}',
      'put /v1/recipients/{recipientId}',
      'get /v1/recipients/{recipientId}',
      'get /v1/recipients',
      'post /v1/recipients/bulk',
      'put /v1/recipients/{recipientId}/devices/{deviceId}',
      'put /v1/recipients/{recipientId}/endpoints/{endpointId}',
      'post /v1/tenants',
      'post /v1/api-keys',
      'get /v1/api-keys',
      'delete /v1/api-keys/{id}',
      'get /v1/projections',
      'post /v1/projections/{name}/rebuild',
      'get /v1/projections/{name}/parked',
      'post /v1/projections/{name}/parked/{id}/retry',
      'post /v1/projections/{name}/parked/{id}/skip',
      'get /health/live',
      'get /health/ready',
      'get /metrics',
      'get /openapi.json',
      'get /docs',
    ];
    const there = new Set(operations.map(({ method, path }) => `${method} ${path}`));
    expect(promised.filter((it) => !there.has(it))).toStrictEqual([]);
  });
});

describe('what readers are told', () => {
  test('every group of operations is described, and none is empty', () => {
    const used = new Set(operations.map(({ tag }) => tag));
    const { tags } = document as { readonly tags: readonly { readonly name: string; readonly description: string }[] };
    expect(tags.map(({ name }) => name).sort()).toStrictEqual([...used].sort());
  });

  test('the example of every request is one', () => {
    const checks = createChecks();
    const examples = operations.flatMap(({ id, body, described = body }) =>
      'examples' in described && Array.isArray(described.examples) ? described.examples.map((it: unknown) => ({ id, described, it })) : [],
    );
    expect(examples.length).toBeGreaterThan(5);
    expect(examples.filter(({ described, it }) => !checks.body(described)(it).ok).map(({ id }) => id)).toStrictEqual([]);
    const templates = examples.flatMap(({ id, it }) => (id === 'putTemplate' ? [it as Draft] : []));
    expect(templates.flatMap((draft) => checkTemplate(draft))).toStrictEqual([]);
  });
});
