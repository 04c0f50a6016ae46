import { apiMutants } from './list/api.ts';
import { consumerMutants } from './list/consumers.ts';
import { emailMutants } from './list/email.ts';
import { eventStoreDbMutants } from './list/eventStoreDb.ts';
import { gateMutants } from './list/gates.ts';
import { handOffMutants } from './list/handOff.ts';
import { limitMutants } from './list/limits.ts';
import { loadMutants } from './list/load.ts';
import { logMutants } from './list/log.ts';
import { personalMutants } from './list/personal.ts';
import { templateMutants } from './list/templates.ts';
import type { Mutant } from './mutant.ts';

/** One guard each, over the whole house. */
export const mutants: readonly Mutant[] = [
  ...logMutants,
  ...eventStoreDbMutants,
  ...consumerMutants,
  ...handOffMutants,
  ...gateMutants,
  ...personalMutants,
  ...templateMutants,
  ...emailMutants,
  ...apiMutants,
  ...loadMutants,
  ...limitMutants,
];
