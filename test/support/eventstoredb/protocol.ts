import gossip from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossipMessages from '@eventstore/db-client/generated/gossip_pb.js';
import serverFeatures from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import serverFeaturesMessages from '@eventstore/db-client/generated/serverfeatures_pb.js';
import sharedMessages from '@eventstore/db-client/generated/shared_pb.js';
import statusMessages from '@eventstore/db-client/generated/status_pb.js';
import streams from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamsMessages from '@eventstore/db-client/generated/streams_pb.js';

/** The services and messages that the client itself carries: CommonJS, so each file is one default. */
export const { StreamsService } = streams;
export const { GossipService } = gossip;
export const { ServerFeaturesService } = serverFeatures;
export {
  gossipMessages as gossipPb,
  serverFeaturesMessages as featuresPb,
  sharedMessages as sharedPb,
  statusMessages as statusPb,
  streamsMessages as streamsPb,
};
