import type { EventWrite } from '../../commands/ports.ts';
import type { Unreadable } from '../../consumers/ports.ts';
import type { Recorded } from '../../domain/kernel/metadata.ts';
import type { PortError } from '../../domain/kernel/portError.ts';
import type { StoredEvent, Write } from '../eventstore/port.ts';
import { decode } from './decode.ts';
import { encode, type Sealer } from './encode.ts';
import { registryOf, type StoredTypes } from './registry.ts';

/** Between store and code (docs/architecture.md): checks schemas, upcasts old versions once, seals personal fields. */
export type Codec = {
  /** In order. @throws PortError `unavailable` when the keys cannot be had. */
  readonly encode: (writes: readonly EventWrite[]) => Promise<readonly (Write | PortError)[]>;
  /** Never throws for what is stored. */
  readonly decode: (stored: StoredEvent) => Recorded | Unreadable;
};

/** @throws TypeError for declarations that cannot work. */
export function codecOf(types: StoredTypes, sealer: Sealer): Codec {
  const registry = registryOf(types);
  return { encode: (writes) => encode(registry, sealer, writes), decode: (stored) => decode(registry, stored) };
}
