/** For a person who asks why somebody never got it: they were refused when the message was asked for. Holds nothing personal. */
export const refusalSentence = ({
  type,
  code,
  detail,
}: {
  readonly type: string;
  readonly code: string;
  readonly detail: string;
}): string => `“${type}” was asked for this person and refused at once: ${detail.replace(/\.$/, '')} (${code}).`;
