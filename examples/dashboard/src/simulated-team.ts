import type { Gateway } from "@milepost/server";

const stepMs = 1_500;
const agents = [
  { agent_id: "planner", name: "Planner" },
  { agent_id: "coder", name: "Coder" },
  { agent_id: "reviewer", name: "Reviewer" },
] as const;
const titles = ["Import invoices", "Train the ranking", "Write the changelog", "Audit licences"];
const activities = ["reading", "working", "reviewing"] as const;

/** Publishes what a team of agents does, so that the dashboard shows something. Returns a function that stops it. */
export function simulateTeam(gateway: Gateway, onFault: (error: unknown) => void): () => void {
  let step = 0;
  const say = async (event: string, data: Record<string, unknown>) => {
    await gateway.publish("dashboard:main", event, data);
    await gateway.publish("broadcast", event, data);
  };
  const tick = async () => {
    step++;
    const turn = step % titles.length;
    const progress = Math.min(100, (Math.floor(step / titles.length) % 6) * 20);
    const agent = agents[step % agents.length];
    await say("TaskStatusUpdate", {
      task_id: `task_${turn + 1}`,
      title: titles[turn],
      status: progress === 100 ? "completed" : "running",
      progress,
      agent_id: agent?.agent_id,
    });
    await say("AgentActivityUpdate", { ...agent, activity: activities[step % activities.length] });
  };
  const timer = setInterval(() => void tick().catch(onFault), stepMs);
  return () => clearInterval(timer);
}
