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
