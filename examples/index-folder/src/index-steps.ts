import type { StepPlan } from "@milepost/model";

/** Steps of a job. The weights are roughly the shares of the time that the steps take. */
export const indexSteps = [
  { id: "scan", title: "Find the files", weight: 1 },
  { id: "read", title: "Read them", weight: 8 },
  { id: "tokenise", title: "Find the words", weight: 4 },
  { id: "index", title: "Build the index", weight: 1 },
  { id: "write", title: "Write it to disk", weight: 1 },
] as const satisfies readonly StepPlan[];
