import { parseEmail } from './email.ts';
import { parsePhone } from './phone.ts';
import { isRejection } from '../kernel/rejection.ts';
import type { Channel } from './channel.ts';

/**
 * The text whose keyed hash is an address key: `<kind>:<normalised address>`. Two spellings of one address give one text. An
 * address that does not parse (kept by an older version) is its own normal form, so that it can still be declared and suppressed.
 */
export function addressKeyText(channel: Channel, address: string): string {
  if (channel === 'email') {
    const parsed = parseEmail(address);
    return `email:${isRejection(parsed) ? address : parsed.key}`;
  }
  if (channel === 'sms') {
    const parsed = parsePhone(address);
    return `sms:${isRejection(parsed) ? address : parsed.e164}`;
  }
  return `${channel}:${address}`;
}
