import { bullmqMutants } from "./lists/bullmq.mjs";
import { clientMutants } from "./lists/client.mjs";
import { connectionMutants } from "./lists/connection.mjs";
import { coreMutants } from "./lists/core.mjs";
import { deploymentMutants } from "./lists/deployment.mjs";
import { durableMutants } from "./lists/durable.mjs";
import { estimateMutants } from "./lists/estimates.mjs";
import { hubMutants } from "./lists/hub.mjs";
import { loadMutants } from "./lists/load.mjs";
import { luaMutants } from "./lists/lua.mjs";
import { metricsMutants } from "./lists/metrics.mjs";
import { modelMutants, protocolMutants } from "./lists/model.mjs";
import { operationMutants } from "./lists/operations.mjs";
import { producerMutants } from "./lists/producer.mjs";
import { queueMutants, queueScriptMutants } from "./lists/queues.mjs";
import { reachMutants } from "./lists/reach.mjs";
import { reactMutants } from "./lists/react.mjs";
import { sendQueueMutants } from "./lists/send-queue.mjs";
import { serverMutants } from "./lists/server.mjs";
import { socketioMutants } from "./lists/socketio.mjs";
import { steeringMutants } from "./lists/steering.mjs";
import { storeMutants } from "./lists/stores.mjs";

/** @import { MutantList } from "./mutant.mjs" */

/** @type {readonly MutantList[]} */
export const lists = [
  { subject: "hub", mutants: hubMutants },
  { subject: "connection", mutants: connectionMutants },
  { subject: "durable", mutants: durableMutants },
  { subject: "operations", mutants: operationMutants },
  { subject: "send queue", mutants: sendQueueMutants },
  { subject: "core", mutants: coreMutants },
  {
    subject: "lua",
    near: [{ file: "packages/redis/src/redis-engine.test.ts", title: "on a redis-server" }],
    mutants: luaMutants,
  },
  {
    subject: "queues",
    near: [{ file: "packages/engine/src/memory/memory-engine.test.ts", title: "memory queues" }],
    mutants: queueMutants,
  },
  {
    subject: "queue scripts",
    near: [
      { file: "packages/redis/src/redis-engine.test.ts", title: "on a redis-server redis queues" },
    ],
    mutants: queueScriptMutants,
  },
  { subject: "server", mutants: serverMutants },
  { subject: "deployment", mutants: deploymentMutants },
  { subject: "client", mutants: clientMutants },
  { subject: "producer", mutants: producerMutants },
  { subject: "model", mutants: modelMutants },
  { subject: "protocol", mutants: protocolMutants },
  { subject: "react", mutants: reactMutants },
  { subject: "steering", mutants: steeringMutants },
  { subject: "estimates", mutants: estimateMutants },
  { subject: "metrics", mutants: metricsMutants },
  { subject: "reach", mutants: reachMutants },
  { subject: "socketio", mutants: socketioMutants },
  { subject: "bullmq", mutants: bullmqMutants },
  { subject: "load", mutants: loadMutants },
  {
    subject: "stores",
    near: [{ file: "packages/redis/src/append-calls.test.ts" }],
    mutants: storeMutants,
  },
];
