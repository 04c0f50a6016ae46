import { expect, test } from 'vitest';
import { serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();

test('ids that nothing has are a 404 wherever they stand', async () => {
  const ids = [
    '01936fd1-0000-8000-8000-000000000000',
    '01936fd1-0000-8000-8000-000000000000_0',
    'no-such-thing',
    '%00',
    '%F0%9F%98%80',
    "'; drop table",
    '..%2f..%2fnobody',
    'a'.repeat(300),
  ];
  const paths = [
    'notifications/{}',
    'notifications/{}/deliveries',
    'deliveries/{}',
    'deliveries/{}/explain',
    'batches/{}',
    'batches/{}/rejections',
    'recipients/{}',
    'templates/{}',
    'templates/{}/versions',
    'categories/{}',
    'types/{}',
  ];
  const answers = await Promise.all(
    paths.flatMap((path) =>
      ids.map(
        async (id) =>
          [path, id, (await tidings.get(`/v1/${path.replace('{}', id.includes('%') ? id : encodeURIComponent(id))}`)).status] as const,
      ),
    ),
  );
  expect(answers.filter(([, , status]) => status !== 404)).toStrictEqual([]);
});

test('a number beyond what the database holds is no version, and no place in an id', async () => {
  const version = 2 ** 31;
  const body = { type: 'x', category: 'transactional', recipients: ['ana'], template: { key: 'none', version } };
  const answers = await Promise.all([
    tidings.post('/v1/notifications', body),
    tidings.post('/v1/templates/none/preview', { version }),
    tidings.post('/v1/templates/none/rollback', { version }),
    tidings.post('/v1/templates/none/test', { version, recipient: 'ana' }),
    tidings.get(`/v1/deliveries/01936fd1-0000-8000-8000-000000000000_${String(2 ** 31)}`),
    tidings.get('/v1/deliveries/01936fd1-0000-8000-8000-000000000000_99999999999999999999/explain'),
    tidings.post(`/v1/dead-letters/01936fd1-0000-8000-8000-000000000000_${String(2 ** 31)}/redrive`, {}),
  ]);
  expect(answers.map(({ status }) => status)).toStrictEqual([422, 422, 422, 422, 404, 404, 404]);
});
