import { fileURLToPath } from "node:url";
import { startRedis } from "@milepost/redis/testing";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type Dashboard, startDashboard } from "./dashboard.ts";
import { readSettings, SettingError } from "./settings.ts";
import { dashboardTokens } from "./tokens.ts";

const page = fileURLToPath(new URL("../plain", import.meta.url));
const { LiteralClient } = (await import(
  new URL("../plain/literal-client.js", import.meta.url).href
)) as { LiteralClient: LiteralClientClass };

interface Message {
  readonly type: string;
  readonly channel?: string;
  readonly event_id?: string;
  readonly timestamp?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface LiteralClientLike {
  readonly connectionId: string;
  readonly lastEventId: string;
  cut(): void;
  close(): void;
}

type LiteralClientClass = new (
  url: string,
  onMessage: (message: Message) => void,
  options: { readonly WebSocket: unknown; readonly onState?: (state: string) => void },
) => LiteralClientLike;

/** The client of the page, with a queue of what it received. */
class Reader implements Disposable {
  readonly client: LiteralClientLike;
  readonly #messages: Message[] = [];
  #wake: (() => void) | undefined;
  /** Address at which the client connects next; a balancer decides it elsewhere. */
  url: string;

  constructor(dashboard: Dashboard, user: string) {
    const reader = this;
    this.url = dashboard.url;
    const token = dashboard.token(user);
    const Routed = class extends WebSocket {
      constructor(address: string) {
        super(address.replace("http://balancer", reader.url.replace("http", "ws")));
      }
    };
    this.client = new LiteralClient(
      `http://balancer/ws?token=${token}`,
      (message) => this.#take(message),
      {
        WebSocket: Routed,
      },
    );
  }

  /** Resolves with the next message that fits; drops those before it. */
  async next(fits: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const message = this.#messages.shift();
      if (message === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else if (fits(message)) return message;
    }
  }

  nextOf(type: string): Promise<Message> {
    return this.next((message) => message.type === type);
  }

  async started(): Promise<void> {
    for (let n = 0; n < 4; n++) await this.nextOf("subscribed");
  }

  #take(message: Message): void {
    this.#messages.push(message);
    this.#wake?.();
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

function settings(env: Record<string, string> = {}) {
  return readSettings(
    { PORT: "0", SECRET_KEY: "a secret that a service has had for years", ...env },
    [],
  );
}

async function post(dashboard: Dashboard, path: string, body: unknown) {
  const response = await fetch(dashboard.url + path, {
    method: "POST",
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const quiet = { simulates: false, drainMs: 0 };

describe("the literal client of the dashboard", () => {
  test("[W4] [U5] a bare socket receives task updates, calendar events and the notifications of its user alone", async () => {
    await using dashboard = await startDashboard(settings(), page, quiet);
    using ada = new Reader(dashboard, "ada");
    using bob = new Reader(dashboard, "bob");
    await Promise.all([ada.started(), bob.started()]);
    const update = {
      status: "completed",
      progress: 100,
      event_id: "0b0e4f2c-made-by-the-publisher",
    };
    expect(await post(dashboard, "/tasks/task_123/broadcast-update", update)).toMatchObject({
      status: 200,
    });
    for (const reader of [ada, bob]) {
      expect(await reader.nextOf("TaskStatusUpdate")).toMatchObject({
        event_id: expect.stringContaining("broadcast@"),
        timestamp: expect.stringMatching(/Z$/),
        channel: "broadcast",
        data: { task_id: "task_123", ...update },
      });
    }
    await post(dashboard, "/users/ada/send-notification", { message: "hello", type: "success" });
    expect(await ada.nextOf("notification")).toMatchObject({
      channel: "user:ada",
      data: { message: "hello" },
    });
    const planned = { title: "Review", start_time: "2026-12-01T09:00:00Z" };
    await post(dashboard, "/calendar/events/create", planned);
    // Bob gets the calendar event next, so the notification was not for him.
    expect(await bob.next(({ channel }) => channel !== undefined)).toMatchObject({
      type: "CalendarEventCreated",
      data: planned,
    });
    expect(
      (await post(dashboard, "/tasks/t/broadcast-update", { status: "excellent" })).status,
    ).toBe(400);
  });

  test("[C5] [S1] a client that is cut comes back at another worker, keeps its connection id and misses nothing", async () => {
    await using redis = await startRedis();
    const shared = settings({ REDIS_URL: redis.url });
    await using first = await startDashboard(shared, page, quiet);
    await using second = await startDashboard(shared, page, quiet);
    using reader = new Reader(first, "ada");
    await reader.started();
    const { connectionId } = reader.client;
    reader.url = second.url;
    reader.client.cut();
    const missed = [
      post(first, "/tasks/t1/broadcast-update", { status: "running" }),
      post(first, "/users/ada/send-notification", { message: "while away" }),
    ];
    await Promise.all(missed);
    const got = [await reader.next(isEvent), await reader.next(isEvent)];
    expect(got.map(({ type }) => type).sort()).toEqual(["TaskStatusUpdate", "notification"]);
    expect(reader.client.connectionId).toBe(connectionId);
    expect(reader.client.lastEventId).toContain(`connection:${connectionId}@`);
  });

  test("[C1] a socket with a wrong token is closed, and the client does not try again", async () => {
    await using dashboard = await startDashboard(settings(), page, quiet);
    const other = dashboardTokens("another secret").mint("ada", "s");
    const states: string[] = [];
    let closed: () => void = () => {};
    const isClosed = new Promise<void>((resolve) => (closed = resolve));
    new LiteralClient(`${dashboard.url.replace("http", "ws")}/ws?token=${other}`, () => {}, {
      WebSocket,
      onState(state) {
        states.push(state);
        if (state === "closed") closed();
      },
    });
    await isClosed;
    expect(states).toEqual(["connecting", "open", "closed"]);
  });

  test("[S6] the health endpoint has the fields of the design", async () => {
    await using dashboard = await startDashboard(settings(), page, quiet);
    for (const path of ["/ws/health", "/health"]) {
      expect(await (await fetch(dashboard.url + path)).json()).toMatchObject({
        status: "healthy",
        timestamp: expect.stringMatching(/Z$/),
        connections: { total: 0, local: 0, alive: 0, dead: 0 },
        redis: { connected: false, pubsub_connected: false },
      });
    }
  });
});

describe("the settings of the dashboard", () => {
  test("the variables of a Python service are understood, and a short secret is warned of", () => {
    const own = readSettings(
      {
        REDIS_URL: "redis://r",
        SECRET_KEY: "short",
        ALGORITHM: "HS256",
        FRONTEND_URL: "https://app.example/",
        BACKEND_PORT: "8000",
      },
      ["--workers", "4"],
    );
    expect(own).toMatchObject({
      redis: "redis://r",
      secret: "short",
      origins: ["https://app.example"],
      port: 8_000,
      workers: 4,
      warnings: [expect.stringMatching(/has 5 bytes/)],
    });
    expect(() => readSettings({ ALGORITHM: "RS256" }, [])).toThrow(SettingError);
    expect(() => readSettings({}, ["--workers=4"])).toThrow(/REDIS_URL/);
    expect(readSettings({}, []).warnings).toEqual([]);
  });

  test("a token of another algorithm, an expired one and one without an end are refused", async () => {
    const { mint, verify } = dashboardTokens("short");
    expect(await verify(mint("ada", "s1"))).toMatchObject({ user: "ada", session: "s1" });
    const late = dashboardTokens("short", () => Date.now() + 13 * 3_600_000);
    await expect(late.verify(mint("ada", "s1"))).rejects.toMatchObject({ code: "token_expired" });
    const [, body] = mint("ada", "s1").split(".");
    const none = Buffer.from('{"alg":"none"}').toString("base64url");
    await expect(verify(`${none}.${body}.`)).rejects.toMatchObject({ code: "unauthenticated" });
  });
});

function isEvent({ type }: Message): boolean {
  return type === "TaskStatusUpdate" || type === "notification";
}
