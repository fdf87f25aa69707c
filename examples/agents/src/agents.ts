/** Work of one agent: its tasks in order, and what it has to say about them. */
export interface AgentPlan {
  readonly id: string;
  readonly tasks: readonly string[];
  /** Line of the log that the agent writes at its last task. */
  readonly says?: { readonly level: "success" | "warning" | "error"; readonly message: string };
}

/** Stages of the analysis; the agents of one stage work at the same time. */
export const stages: readonly (readonly AgentPlan[])[] = [
  [
    {
      id: "ResearchAgent",
      tasks: ["Reading filings", "Reading news", "Collecting prices"],
      says: {
        level: "warning",
        message: "One of four news sources did not answer; three are enough",
      },
    },
    {
      id: "MacroAgent",
      tasks: ["Reading interest rates", "Comparing the sector"],
      says: { level: "success", message: "The sector grew faster than the market" },
    },
  ],
  [
    {
      id: "AnalystAgent",
      tasks: ["Computing ratios", "Finding trends", "Weighing risks"],
      says: {
        level: "error",
        message: "The price history has a gap of two days; the trend leaves it out",
      },
    },
  ],
  [
    {
      id: "ReportingAgent",
      tasks: ["Drawing charts", "Writing the report"],
      says: { level: "success", message: "The report is ready" },
    },
  ],
];
