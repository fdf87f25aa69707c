import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { MilepostError, parseJson } from "@milepost/protocol";
import type { Gateway } from "@milepost/server";
import type { DashboardTokens } from "./tokens.ts";

const maxBodyBytes = 64 * 1_024;
const taskPath = /^\/tasks\/([^/]{1,128})\/broadcast-update$/;
const userPath = /^\/users\/([^/]{1,128})\/send-notification$/;

type Fields = Readonly<Record<string, unknown>>;

/** Handles a request of the backend; resolves with false if the path is not one of its own. */
export type Backend = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

/** Creates the backend of the dashboard: three endpoints that publish, and the token of a visitor. */
export function createBackend(gateway: Gateway, tokens: DashboardTokens): Backend {
  /** Publishes an update to everybody's socket and to the state of the dashboard, once per `event_id`. */
  async function broadcast(event: string, data: Fields): Promise<object> {
    const eventId = typeof data.event_id === "string" ? data.event_id : randomUUID();
    await gateway.publish("dashboard:main", event, data, { eventId });
    const { position } = await gateway.publish("broadcast", event, data, { eventId });
    return { status: "sent", event_id: eventId, position };
  }

  async function act(path: string, body: Fields): Promise<object | undefined> {
    const task = taskPath.exec(path)?.[1];
    if (task !== undefined) {
      return broadcast("TaskStatusUpdate", { ...body, task_id: decodeURIComponent(task) });
    }
    const user = userPath.exec(path)?.[1];
    if (user !== undefined) {
      const channel = `user:${decodeURIComponent(user)}`;
      const { position } = await gateway.publish(channel, "notification", body);
      return { status: "sent", position };
    }
    if (path === "/calendar/events/create") {
      return broadcast("CalendarEventCreated", { id: randomUUID(), ...body });
    }
    if (path === "/agents/activity") return broadcast("AgentActivityUpdate", body);
    return undefined;
  }

  return async (request, response) => {
    const url = new URL(request.url ?? "/", "http://backend");
    try {
      if (url.pathname === "/demo/token") {
        const user = url.searchParams.get("user") ?? "ada";
        answer(response, 200, { token: tokens.mint(user, `session-of-${user}`), user });
        return true;
      }
      const isOwn =
        taskPath.test(url.pathname) ||
        userPath.test(url.pathname) ||
        url.pathname === "/calendar/events/create" ||
        url.pathname === "/agents/activity";
      if (!isOwn) return false;
      if (request.method !== "POST") {
        answer(response, 405, { detail: "use POST" });
        return true;
      }
      requireOwnPage(request);
      answer(response, 200, (await act(url.pathname, await bodyOf(request))) ?? {});
    } catch (error) {
      if (!(error instanceof MilepostError)) throw error;
      answer(response, error.toFailure().code === "forbidden" ? 403 : 400, {
        detail: error.message,
      });
    }
    return true;
  };
}

/** Refuses pages of other sites. Programs send no `Origin`. */
function requireOwnPage({ headers }: IncomingMessage): void {
  const { origin, host } = headers;
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    throw new MilepostError("forbidden", "only pages of this host may call the backend");
  }
}

async function bodyOf(request: IncomingMessage): Promise<Fields> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > maxBodyBytes) throw new MilepostError("too_large", "the body is too large");
  }
  const json = parseJson(text === "" ? "{}" : text);
  if (!json.ok) throw MilepostError.from(json.failure);
  const { value } = json;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new MilepostError("bad_message", "the body must be an object");
  }
  return value as Fields;
}

function answer(response: ServerResponse, status: number, body: object): void {
  response
    .writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" })
    .end(JSON.stringify(body));
}
