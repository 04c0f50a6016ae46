/** What `read` without `pii` shows of personal values: enough to recognise what one knows already, not enough to use. */
const DOTS = '•••';

export function maskedEmail(address: string): string {
  const at = address.lastIndexOf('@');
  const [local, domain] = [address.slice(0, Math.max(at, 0)), address.slice(at + 1)];
  const end = domain.lastIndexOf('.');
  return `${local.slice(0, 1)}${DOTS}@${domain.slice(0, 1)}${DOTS}${end < 0 ? '' : domain.slice(end)}`;
}

export const maskedPhone = (number: string): string => `${number.slice(0, 3)}${DOTS}${number.slice(-2)}`;
export const maskedText = (text: string): string => `${text.slice(0, 1)}${DOTS}`;
/** Tokens, wallets, URLs: their beginning says what they are. */
export const maskedToken = (token: string): string => `${token.slice(0, 6)}${DOTS}`;

/** As the caller may see it. `unmasked`: they have the scope `pii`. */
export const maskedUnless = (unmasked: boolean, value: string | undefined, mask: (text: string) => string): string | undefined =>
  value === undefined || unmasked ? value : mask(value);
