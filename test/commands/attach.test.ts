import { expect, test } from 'vitest';
import { lookUpFiles, MAX_FILES_BYTES } from '../../src/commands/attach.ts';
import type { AttachmentInput } from '../../src/commands/notificationInput.ts';
import type { Files } from '../../src/commands/notificationPorts.ts';
import type { TenantId } from '../../src/domain/values/ids.ts';

const ACME = 'acme' as TenantId;
/** Uploads by their size: `att_<bytes>`. */
const files: Files = {
  find: async (_, ids) =>
    new Map(
      ids.flatMap((id) => {
        const size = Number(id.slice(4));
        return Number.isNaN(size) ? [] : [[id, { id, sha256: '', size, filename: 'a.pdf', contentType: 'application/pdf' }] as const];
      }),
    ),
  put: () => Promise.reject(new Error('nothing is stored here')),
};
const upload = (bytes: number): AttachmentInput => ({ id: `att_${String(bytes)}` });
const inline = (bytes: number): AttachmentInput => ({ filename: 'a', contentType: 'a/b', content: new Uint8Array(bytes) });
const told = async (attachments: readonly AttachmentInput[], ...recipients: readonly (readonly AttachmentInput[])[]) => {
  const carrying = { attachments, recipients: recipients.map((own) => ({ attachments: own })) };
  const { problems } = await lookUpFiles(files, ACME, [carrying]);
  return problems[0]?.map(({ rejected, path }) => [rejected, path]);
};

test('the files of one message have at most 25 MB together, uploaded or not', async () => {
  expect(await told([upload(MAX_FILES_BYTES - 10), inline(10)], [])).toStrictEqual([]);
  expect(await told([upload(MAX_FILES_BYTES - 10), inline(11)], [])).toStrictEqual([['attachments_too_large', '/attachments']]);
});

test('each person’s message counts for itself, with what all get', async () => {
  const most = MAX_FILES_BYTES - 100;
  expect(await told([upload(100)], [upload(most)], [upload(most)], [])).toStrictEqual([]);
  expect(await told([upload(101)], [upload(most)], [upload(1)], [upload(most)])).toStrictEqual([
    ['attachments_too_large', '/recipients/0/attachments'],
    ['attachments_too_large', '/recipients/2/attachments'],
  ]);
});

test('a file that is not there is told by its place', async () => {
  expect(await told([{ id: 'att_no' }], [upload(1)])).toStrictEqual([['attachment_not_found', '/attachments/0/id']]);
});
