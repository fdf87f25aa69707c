import type { DataWork } from "@milepost/engine";
import type { CoreInstruments } from "../runtime/instruments.ts";

/** Counts work of the store in files of this process. */
export function countDataWork(instruments: CoreInstruments, work: DataWork): void {
  switch (work.kind) {
    case "commit":
      instruments.dataWrites.add(work.writes);
      instruments.dataCommitTime.observe(work.ms);
      break;
    case "sync":
      instruments.dataSyncTime.observe(work.ms);
      break;
    case "checkpoint":
      instruments.dataCheckpointTime.observe(work.ms);
      break;
    case "refused":
      instruments.dataRefusals[work.reason].add(1);
      break;
  }
}
