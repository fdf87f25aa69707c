import type { OperationState } from "@milepost/model";
import type { CommandControls } from "@milepost/react";

/** Shows one analysis: its status, its agents with their tasks, the timeline and the events. */
export function Run({
  state,
  commands,
}: {
  readonly state: OperationState;
  readonly commands: CommandControls;
}) {
  const percent = Math.floor(state.percent);
  return (
    <>
      <section className="card" aria-label="Run" data-status={state.status}>
        <div className="row">
          <h2>{state.title}</h2>
          <p role="status">
            {state.status}, {percent} %
          </p>
        </div>
        <progress max={100} value={percent} aria-label="Progress" />
        <p className="quiet">{state.error?.message ?? state.message ?? "The agents begin"}</p>
        <div className="row">
          {(["pause", "resume", "cancel", "retry"] as const).map((name) => (
            <button
              key={name}
              type="button"
              disabled={!commands[name].available}
              onClick={() => void commands[name].run()}
            >
              {name[0]?.toUpperCase()}
              {name.slice(1)}
            </button>
          ))}
        </div>
      </section>
      <section className="agents" aria-label="Agents">
        {state.agents.map(({ id, name, active, tasks }) => (
          <article key={id} className="card agent" data-active={active}>
            <h2>{name}</h2>
            <p className="quiet">{active ? "at work" : "has finished"}</p>
            <ul>
              {tasks.map((task) => (
                <li key={task}>{task}</li>
              ))}
            </ul>
          </article>
        ))}
      </section>
      <Timeline state={state} />
      <section className="card" aria-label="Events">
        <h2>Events</h2>
        <ul className="log">
          {state.log.toReversed().map(({ seq, level, agent, message }) => (
            <li key={seq} data-level={level}>
              <span className="level">{level}</span> {agent}: {message}
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

/** Shows when each agent was at work, in the order in which they first began. */
function Timeline({ state }: { readonly state: OperationState }) {
  const spans = state.timeline.filter(({ what }) => what === "agent");
  const from = Math.min(...spans.map((span) => span.from));
  const to = Math.max(state.updated_at, from + 1);
  const part = (at: number) => `${(100 * (at - from)) / (to - from)}%`;
  const agents = state.execution_order.filter((id) => spans.some((span) => span.id === id));
  return (
    <section className="card" aria-label="Timeline">
      <h2>Timeline</h2>
      {agents.map((agent) => (
        <div key={agent} className="lane">
          <span>{agent}</span>
          <div className="time">
            {spans
              .filter(({ id }) => id === agent)
              .map((span) => (
                <span
                  key={span.from}
                  className="span"
                  style={{ left: part(span.from), right: `calc(100% - ${part(span.to ?? to)})` }}
                />
              ))}
          </div>
        </div>
      ))}
    </section>
  );
}
