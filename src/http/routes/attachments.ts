import { Type } from 'typebox';
import type { UploadResult, uploadFile } from '../../commands/uploadFile.ts';
import { plain, uploadOperation } from '../operation.ts';
import type { Answer, Operation } from '../operation.ts';
import { isRefusal, refuse } from '../problems.ts';
import { answer, closed, Filename } from '../schemas/values.ts';

export type AttachmentPorts = { readonly uploadFile: ReturnType<typeof uploadFile> };

const MAX_BYTES = 25_000_000;
const Uploaded = answer('AttachmentUploaded', {
  id: Type.String(),
  sha256: Type.String(),
  size: Type.Integer({ description: 'Bytes.' }),
});
const UploadQuery = closed({
  filename: Type.Optional(Filename),
});

/** Files that are too large to come with a request. */
export const attachmentRoutes = ({ uploadFile: keep }: AttachmentPorts): readonly Operation[] => [
  uploadOperation({
    ...plain,
    id: 'uploadAttachment',
    method: 'post',
    path: '/v1/attachments',
    tag: 'Attachments',
    summary: 'Upload a file of up to 25 MB, to be referenced by its id',
    description:
      'The body is the file itself, of any content type. What no request names within a day expires, and its Idempotency-Key with it.',
    scope: 'send',
    idempotent: true,
    query: UploadQuery,
    upload: { kind: 'bytes', maxBytes: MAX_BYTES },
    responses: { 201: { description: 'Kept, sealed.', schema: Uploaded } },
    handler: async ({ caller, query, body }) => {
      if (body.kind !== 'bytes' || body.bytes.length === 0) return refuse('malformed_request', 'Send the file as the body.');
      const contentType = body.contentType === '' ? 'application/octet-stream' : body.contentType;
      const outcome = await keep(caller, { filename: query.filename ?? 'attachment', contentType, content: body.bytes });
      return isRefusal(outcome) ? outcome : answerOf(outcome);
    },
  }),
];

const answerOf = ({ ref: { id, sha256, size }, repeated }: UploadResult): Answer => ({
  status: 201,
  body: { id, sha256, size },
  replayed: repeated,
});
