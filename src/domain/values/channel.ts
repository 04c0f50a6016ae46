/** A channel's place here is its number in a delivery's id, so the order never changes. */
export const CHANNELS = ['email', 'sms', 'push', 'in_app', 'webhook', 'wallet'] as const;
export type Channel = (typeof CHANNELS)[number];
/** The class of a message decides which law binds. */
export const MESSAGE_CLASSES = ['transactional', 'security', 'account', 'marketing'] as const;
export type MessageClass = (typeof MESSAGE_CLASSES)[number];
export const PRIORITIES = ['critical', 'high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];
