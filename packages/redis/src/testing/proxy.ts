import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/**
 * TCP proxy in front of a server. A test can make it hold back data, break its connections, or close for good.
 */
export interface Proxy extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Holds back the data of one direction on the connections that are open now. */
  hold(direction: "requests" | "answers"): void;
  /** Forwards the data held back in one direction, in order, and stops holding back that direction. */
  release(direction: "requests" | "answers"): void;
  /** Data held back now, in all directions and connections, as text. */
  readonly held: string;
  /** Resolves once the next client connects. */
  nextConnection(): Promise<unknown>;
  /** Breaks the connections that are open now; new ones are accepted. */
  drop(): void;
  /** Breaks every connection and accepts no new ones. */
  cut(): void;
}

interface Direction {
  readonly name: "requests" | "answers";
  readonly to: Socket;
  held: Buffer[] | undefined;
}

/**
 * Starts a proxy to the server at `port` on this machine. The proxy listens on `ownPort`, or on a free port
 * when that is 0.
 */
export async function startProxy(port: number, ownPort = 0): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const directions = new Set<Direction>();
  const forward = (name: Direction["name"], from: Socket, to: Socket) => {
    const direction: Direction = { name, to, held: undefined };
    directions.add(direction);
    from.on("data", (bytes: Buffer) => {
      if (direction.held === undefined) to.write(bytes);
      else direction.held.push(bytes);
    });
    from.on("close", () => directions.delete(direction));
  };
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    forward("requests", near, far);
    forward("answers", far, near);
  });
  server.listen(ownPort, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  const cut = () => {
    server.close();
    drop();
  };
  return {
    url: `redis://127.0.0.1:${address.port}`,
    port: address.port,
    hold: (name) => {
      for (const direction of directions) if (direction.name === name) direction.held ??= [];
    },
    release: (name) => {
      for (const direction of directions) {
        if (direction.name !== name) continue;
        const { held, to } = direction;
        direction.held = undefined;
        for (const bytes of held ?? []) to.write(bytes);
      }
    },
    get held() {
      return [...directions].flatMap(({ held }) => held ?? []).join("");
    },
    nextConnection: () => once(server, "connection"),
    drop,
    cut,
    [Symbol.asyncDispose]: async () => cut(),
  };
}
