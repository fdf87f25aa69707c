import { followProgress } from "./literal.js";

const at = (id) => document.getElementById(id);
const post = async (path, body) => {
  const answer = await fetch(path, { method: "POST", body: JSON.stringify(body ?? {}) });
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer.json();
};

function list(id, items) {
  at(id).replaceChildren(
    ...items.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }),
  );
}

function show(update) {
  at("status").textContent = `${update.title}: ${update.status}, ${Math.floor(update.percent)} %`;
  at("agent").textContent = update.current_agent ?? "nobody";
  list(
    "tasks",
    Object.entries(update.current_tasks).map(([agent, tasks]) => `${agent}: ${tasks.join(", ")}`),
  );
  list("order", update.execution_order);
  list(
    "events",
    update.progress_events.map(({ level, agent, message }) => `${level} ${agent ?? ""} ${message}`),
  );
  document.body.dataset.status = update.status;
}

// A reload keeps the session as long as the tab is open.
const sessionId = sessionStorage.getItem("session") ?? (await post("/api/sessions")).session_id;
sessionStorage.setItem("session", sessionId);
followProgress(location.origin.replace("http", "ws"), sessionId, show, (text) => {
  at("connection").textContent = text;
  if (text.startsWith("refused")) sessionStorage.removeItem("session");
});
at("start").addEventListener("submit", async (event) => {
  event.preventDefault();
  const company = new FormData(event.target).get("company");
  await post("/api/analyses", { session_id: sessionId, company }).catch(({ message }) => {
    at("status").textContent = message;
  });
});
