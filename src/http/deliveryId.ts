import { isNotificationId } from '../domain/values/ids.ts';
import type { NotificationId } from '../domain/values/ids.ts';

/** `<notificationId>_<n>` → its parts; nothing where it is no delivery's id. */
export function deliveryIdIn(text: string): { readonly notification: NotificationId; readonly n: number } | undefined {
  const [notification = '', n = '', ...rest] = text.split('_');
  return isNotificationId(notification) && /^(?:0|[1-9]\d{0,4})$/.test(n) && rest.length === 0 ? { notification, n: Number(n) } : undefined;
}
