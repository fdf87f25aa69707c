import { busContract } from "./bus-contract.ts";
import { channelLogContract } from "./channel-log-contract.ts";
import { compactedLogContract } from "./compacted-log-contract.ts";
import { deadLettersContract } from "./dead-letters-contract.ts";
import { deliveriesContract } from "./deliveries-contract.ts";
import { durableSubscribersContract } from "./durable-subscribers-contract.ts";
import { durationsContract } from "./durations-contract.ts";
import type { MakeEngine } from "./engine-harness.ts";
import { holdingsContract } from "./holdings-contract.ts";
import { inboxContract } from "./inbox-contract.ts";
import { leasesContract } from "./leases-contract.ts";
import { operationIndexContract } from "./operation-index-contract.ts";
import { presenceContract } from "./presence-contract.ts";
import { questionsContract } from "./questions-contract.ts";
import { queuesContract } from "./queues-contract.ts";
import { recordsContract } from "./records-contract.ts";
import { registryContract } from "./registry-contract.ts";
import { revocationsContract } from "./revocations-contract.ts";
import { signalsContract } from "./signals-contract.ts";
import { singleUseContract } from "./single-use-contract.ts";
import { targetsContract } from "./targets-contract.ts";

/** Contract suites of all ports: an engine that passes them keeps every promise that the gateway relies on. */
export function engineContract(name: string, make: MakeEngine): void {
  channelLogContract(name, make);
  compactedLogContract(name, make);
  busContract(name, make);
  leasesContract(name, make);
  operationIndexContract(name, make);
  presenceContract(name, make);
  durableSubscribersContract(name, make);
  deadLettersContract(name, make);
  registryContract(name, make);
  signalsContract(name, make);
  revocationsContract(name, make);
  durationsContract(name, make);
  recordsContract(name, make);
  singleUseContract(name, make);
  holdingsContract(name, make);
  queuesContract(name, make);
  deliveriesContract(name, make);
  targetsContract(name, make);
  inboxContract(name, make);
  questionsContract(name, make);
}
