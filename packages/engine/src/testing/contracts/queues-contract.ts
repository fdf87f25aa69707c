import type { MakeEngine } from "./engine-harness.ts";
import { queueLeasesContract } from "./queue-leases-contract.ts";
import { queueOrderContract } from "./queue-order-contract.ts";
import { queuePersonsContract } from "./queue-persons-contract.ts";
import { queueTicketsContract } from "./queue-tickets-contract.ts";

/** Contract tests of the queues; every engine runs them. */
export function queuesContract(name: string, make: MakeEngine): void {
  queueTicketsContract(name, make);
  queueOrderContract(name, make);
  queueLeasesContract(name, make);
  queuePersonsContract(name, make);
}
