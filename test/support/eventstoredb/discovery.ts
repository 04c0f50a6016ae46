import { ServerInterceptingCall, ServerListenerBuilder, type handleUnaryCall, type ServerInterceptor } from '@grpc/grpc-js';
import { unauthenticated, type Endpoint } from './failures.ts';
import type { Mood } from './mood.ts';
import { featuresPb, gossipPb, sharedPb, StreamsService } from './protocol.ts';

/** What a server asks of those who read and write; only over TLS does a client send it. */
export type Login = { readonly username: string; readonly password: string };
type Empty = InstanceType<typeof sharedPb.Empty>;
type Member = InstanceType<typeof gossipPb.MemberInfo>;

const FEATURES: Readonly<Record<string, readonly string[]>> = { Read: ['position', 'events'], BatchAppend: ['deadline_duration'] };

/** What a client asks first: the version, and what it may call. */
export function featuresCall(mood: Mood): handleUnaryCall<Empty, InstanceType<typeof featuresPb.SupportedMethods>> {
  return (_call, callback) => {
    if (mood.questionsToFail > 0) {
      mood.questionsToFail -= 1;
      if (mood.noFeatures !== 'silent') callback(mood.noFeatures);
      return;
    }
    const supported = new featuresPb.SupportedMethods();
    supported.setEventStoreServerVersion(mood.version);
    for (const { path } of Object.values(StreamsService)) {
      const [, service = '', name = ''] = path.split('/');
      if (name === 'BatchAppend' && !mood.batchAppend) continue;
      const method = new featuresPb.SupportedMethod();
      method.setServiceName(service.toLowerCase());
      method.setMethodName(name.toLowerCase());
      method.setFeaturesList([...(FEATURES[name] ?? [])]);
      supported.addMethods(method);
    }
    callback(null, supported);
  };
}

function memberAt({ host, port }: Endpoint, state: Member['getState'] extends () => infer S ? S : never): Member {
  const member = new gossipPb.MemberInfo();
  const endpoint = new gossipPb.EndPoint();
  const id = new sharedPb.UUID();
  endpoint.setAddress(host);
  endpoint.setPort(port);
  id.setString(crypto.randomUUID());
  member.setInstanceId(id);
  member.setTimeStamp(String(Date.now()));
  member.setState(state);
  member.setIsAlive(true);
  member.setHttpEndPoint(endpoint);
  return member;
}

/** Who is in the cluster: itself, which leads unless it refers its callers to another. */
export function gossipCall(self: () => Endpoint, mood: Mood): handleUnaryCall<Empty, InstanceType<typeof gossipPb.ClusterInfo>> {
  const { LEADER, FOLLOWER } = gossipPb.MemberInfo.VNodeState;
  return (_call, callback) => {
    const leader = mood.callsForLeader > 0 ? mood.leader : undefined;
    const cluster = new gossipPb.ClusterInfo();
    cluster.addMembers(memberAt(self(), leader === undefined ? LEADER : FOLLOWER));
    if (leader !== undefined) cluster.addMembers(memberAt(leader, LEADER));
    callback(null, cluster);
  };
}

/** Lets nobody read or write who does not say who they are. */
export function asking({ username, password }: Login): ServerInterceptor {
  const right = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const streams = Object.values(StreamsService).map(({ path }) => path);
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next(
          new ServerListenerBuilder()
            .withOnReceiveMetadata((metadata, pass) => {
              if (!streams.includes(method.path) || metadata.get('authorization')[0] === right) pass(metadata);
              else call.sendStatus(unauthenticated());
            })
            .build(),
        ),
    });
}
