import { randomBytes } from 'node:crypto';

/**
 * The name of a file to be written beside the one that it becomes. Nobody else's: processes in containers that share a directory all have
 * the same pid.
 */
export const draftOf = (file: string): string => `${file}.${randomBytes(6).toString('hex')}`;
