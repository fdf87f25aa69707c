import { selectAgent, selectConnection, selectMessages } from "@milepost/zustand";
import { type FormEvent, useCallback, useEffect, useRef, useSyncExternalStore } from "react";
import type { Room } from "./room.ts";

/** The page: who is here, what was said, what the agent does, and a line to write in. */
export function App({ room }: { room: Room }) {
  const watch = room.usePage((state) => state.watch);
  useEffect(() => watch(room.channel, { limit: 0 }), [watch, room.channel]);
  return (
    <div className="page">
      <header>
        <h1>Chat with an agent</h1>
        <Light room={room} />
        <p className="room">
          Room <strong>{room.name}</strong>: open this address in another window, or{" "}
          <a href={`/literal/#room=${room.name}`}>without an SDK</a>.
        </p>
        <People room={room} />
      </header>
      <Messages room={room} />
      <footer>
        <AgentStatus room={room} />
        <Composer room={room} />
      </footer>
    </div>
  );
}

function Light({ room }: { room: Room }) {
  const { state } = room.usePage(selectConnection);
  return (
    <p className={`light ${state}`} role="status">
      {state === "connected" ? "live" : state}
    </p>
  );
}

function People({ room }: { room: Room }) {
  const { presence } = room;
  const subscribe = useCallback((listener: () => void) => presence.subscribe(listener), [presence]);
  const view = useSyncExternalStore(subscribe, () => presence.getSnapshot());
  const names = view.members.map(({ user_id, id }) => user_id ?? id);
  const typing = view.typing
    .filter((id) => id !== presence.self)
    .map((id) => view.members.find((member) => member.id === id)?.user_id ?? id);
  return (
    <p className="people">
      {view.count === 1 ? "You are alone here" : `${view.count} here: ${names.join(", ")}`}
      <span className="typing" aria-live="polite">
        {typing.length > 0
          ? ` · ${typing.join(", ")} ${typing.length > 1 ? "type" : "types"}…`
          : ""}
      </span>
    </p>
  );
}

function Messages({ room }: { room: Room }) {
  const messages = room.usePage(selectMessages(room.channel));
  const end = useRef<HTMLLIElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the list scrolls when the messages change
  useEffect(() => {
    end.current?.scrollIntoView({ block: "end" });
  }, [messages]);
  return (
    <main>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must be able to scroll the messages */}
      <section role="log" aria-label="Messages" tabIndex={0}>
        <ol className="messages">
          {messages.length === 0 && <li className="empty">Ask the agent anything.</li>}
          {messages.map(({ id, role, content, isComplete }) => (
            <li key={id} className={`message ${role}`} aria-busy={!isComplete}>
              <span className="role">{role === "user" ? "question" : "agent"}</span>
              {content}
              {!isComplete && <span className="cursor" aria-hidden="true" />}
            </li>
          ))}
          <li ref={end} className="end" aria-hidden="true" />
        </ol>
      </section>
    </main>
  );
}

function AgentStatus({ room }: { room: Room }) {
  const agent = room.usePage(selectAgent(room.channel));
  const publish = room.usePage((state) => state.publish);
  if (agent?.isActive !== true) return <p className="agent">The agent is idle.</p>;
  return (
    <div className="agent">
      <span>{agent.currentTask}</span>
      <progress max={100} value={agent.progress ?? 0} aria-label="Progress of the answer" />
      <button type="button" onClick={() => void publish(room.channel, "stop", {})}>
        Stop
      </button>
    </div>
  );
}

function Composer({ room }: { room: Room }) {
  const draft = room.usePage((state) => state.draft);
  const write = room.usePage((state) => state.write);
  const publish = room.usePage((state) => state.publish);
  const send = (event: FormEvent) => {
    event.preventDefault();
    const content = draft.trim();
    if (content === "") return;
    write("");
    room.presence.setTyping(false);
    publish(room.channel, "chat_message", { content, role: "user" }).catch(() => write(content));
  };
  return (
    <form onSubmit={send}>
      <label htmlFor="draft">Your question</label>
      <input
        id="draft"
        autoComplete="off"
        maxLength={2_000}
        value={draft}
        onChange={({ target }) => {
          write(target.value);
          room.presence.setTyping(target.value !== "");
        }}
      />
      <button type="submit">Send</button>
    </form>
  );
}
