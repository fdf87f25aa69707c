import { definedFields } from "@milepost/protocol";
import { changeItems, putItem } from "./item-list.ts";
import type { OperationEvents } from "./operation-event.ts";
import { type AgentState, type OperationState, operationBounds } from "./operation-state.ts";
import { beganInOrder, closeSpan, openSpan } from "./timeline.ts";
import { without } from "./without.ts";

/** Applies a report about an agent: the agent becomes active, changes its tasks, or becomes inactive. */
export function reportAgent(
  state: OperationState,
  report: OperationEvents["agent"],
  ts: number,
): OperationState {
  const before = state.agents.find(({ id }) => id === report.id);
  const agent = advance(before, report, ts);
  const agents = putItem(state.agents, agent, operationBounds.agents, ({ active }) => !active);
  const wasActive = before?.active ?? false;
  if (agent.active === wasActive) return { ...state, agents };
  if (agent.active) {
    return {
      ...state,
      agents,
      current_agent: agent.id,
      execution_order: beganInOrder(state.execution_order, agent.id),
      timeline: openSpan(state.timeline, "agent", agent.id, ts, state.attempt),
    };
  }
  const timeline = closeSpan(state.timeline, "agent", agent.id, ts);
  return withCurrentAgent({ ...state, agents, timeline });
}

/** Returns the agents of an operation that has ended: all of them are inactive and have no tasks. */
export function restAgents(agents: readonly AgentState[], ts: number): readonly AgentState[] {
  return changeItems(
    agents,
    ({ active }) => active,
    (agent) => ({ ...agent, active: false, tasks: [], since: ts, updated_at: ts }),
  );
}

function advance(
  before: AgentState | undefined,
  report: OperationEvents["agent"],
  ts: number,
): AgentState {
  const active = report.active ?? before?.active ?? true;
  const changes = before === undefined || before.active !== active;
  const progress = report.progress ?? before?.progress;
  const tasks =
    report.tasks?.slice(-operationBounds.tasksPerAgent) ?? (active ? before?.tasks : []);
  return {
    id: report.id,
    name: report.name ?? before?.name ?? report.id,
    active,
    ...definedFields({ progress }),
    tasks: tasks ?? [],
    since: changes ? ts : before.since,
    updated_at: ts,
  };
}

/**
 * Keeps the current agent if it is still active. Otherwise makes the agent that became active last the current
 * one.
 */
function withCurrentAgent(state: OperationState): OperationState {
  const stillCurrent = state.agents.find(({ id, active }) => active && id === state.current_agent);
  if (stillCurrent !== undefined) return state;
  let latest: AgentState | undefined;
  for (const agent of state.agents) {
    if (agent.active && (latest === undefined || agent.since >= latest.since)) latest = agent;
  }
  return { ...without(state, "current_agent"), ...definedFields({ current_agent: latest?.id }) };
}
