import type { recipientCommands } from '../../commands/recipients.ts';
import type { AddressResult, RecipientRefusal } from '../../commands/recipients.ts';
import { present } from '../../domain/kernel/present.ts';
import { operation, plain } from '../operation.ts';
import type { Operation, Reply } from '../operation.ts';
import { isRefusal } from '../problems.ts';
import { AddressChanged, Device, DeviceParams, Endpoint, EndpointParams } from '../schemas/recipient.ts';

export type RecipientAddressPorts = { readonly commands: ReturnType<typeof recipientCommands> };

const tag = 'Recipients';

function answered(recipientId: string, outcome: AddressResult | RecipientRefusal): Reply {
  if (isRefusal(outcome)) return outcome;
  const { subject, position } = outcome;
  return { status: 200, body: { recipientId }, shown: { resource: 'recipients', subject }, ...present({ position }) };
}
const responses = { 200: { description: 'Done.', schema: AddressChanged } } as const;
const device = '/v1/recipients/{recipientId}/devices/{deviceId}';
const endpoint = '/v1/recipients/{recipientId}/endpoints/{endpointId}';

/** Addresses of which a person has several: devices for push, endpoints for webhook and wallet. */
export const recipientAddressRoutes = ({ commands }: RecipientAddressPorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'putDevice',
    method: 'put',
    path: device,
    tag,
    summary: 'Add a device, or give it another token',
    scope: 'manage',
    params: DeviceParams,
    body: Device,
    responses,
    handler: async ({ caller, params: { recipientId, deviceId }, body }) =>
      answered(recipientId, await commands.putDevice(caller, recipientId.normalize('NFC'), { deviceId, ...body })),
  }),
  operation({
    ...plain,
    id: 'deleteDevice',
    method: 'delete',
    path: device,
    tag,
    summary: 'Take a device away',
    scope: 'manage',
    params: DeviceParams,
    responses,
    handler: async ({ caller, params: { recipientId, deviceId } }) =>
      answered(recipientId, await commands.removeDevice(caller, recipientId.normalize('NFC'), deviceId)),
  }),
  operation({
    ...plain,
    id: 'putEndpoint',
    method: 'put',
    path: endpoint,
    tag,
    summary: 'Add a webhook or a wallet, or give it another address',
    scope: 'manage',
    params: EndpointParams,
    body: Endpoint,
    responses,
    handler: async ({ caller, params: { recipientId, endpointId }, body }) =>
      answered(recipientId, await commands.putEndpoint(caller, recipientId.normalize('NFC'), { endpointId, ...body })),
  }),
  operation({
    ...plain,
    id: 'deleteEndpoint',
    method: 'delete',
    path: endpoint,
    tag,
    summary: 'Take a webhook or a wallet away',
    scope: 'manage',
    params: EndpointParams,
    responses,
    handler: async ({ caller, params: { recipientId, endpointId } }) =>
      answered(recipientId, await commands.removeEndpoint(caller, recipientId.normalize('NFC'), endpointId)),
  }),
];
