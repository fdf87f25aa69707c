import { Duplex } from "node:stream";
import { ManualClock } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import { HandshakePace } from "./handshake-pace.ts";
import { SocketPool } from "./socket-pool.ts";

class Peer extends Duplex {
  override _read(): void {}
}

function pool(maxSockets: number, maxPerAddress: number) {
  const clock = new ManualClock();
  const dropped: [Duplex, string][] = [];
  const sockets = new SocketPool({
    maxSockets,
    maxPerAddress,
    now: () => clock.monotonic(),
    onDrop: (socket, reason) => dropped.push([socket, reason]),
  });
  return { clock, sockets, dropped };
}

const peers = (count: number) => Array.from({ length: count }, () => new Peer());

test("[P-ADM-1] when the pool is full, its oldest socket makes room for a new one", async () => {
  const { clock, sockets, dropped } = pool(2, 9);
  const [a, b, c, d] = peers(4) as [Peer, Peer, Peer, Peer];
  sockets.add(a, undefined);
  sockets.add(b, undefined);
  await clock.advance(3_000);
  sockets.add(c, undefined);
  expect(dropped).toEqual([[a, "pool"]]);
  expect(sockets.remove(b)).toBe(true);
  expect(sockets.remove(b)).toBe(false);
  sockets.add(d, undefined);
  expect(dropped).toHaveLength(1);
  expect(sockets.size).toBe(2);
});

test("[P-ADM-1] a socket has three seconds to show its credential, unless ten times the limit have come", async () => {
  const { clock, sockets, dropped } = pool(2, 99);
  const first = peers(20);
  for (const socket of first) sockets.add(socket, undefined);
  expect(dropped).toEqual([]);
  sockets.add(new Peer(), undefined);
  expect(dropped).toEqual([[first[0], "pool"]]);
  await clock.advance(3_000);
  sockets.add(new Peer(), undefined);
  expect(sockets.size).toBe(2);
});

test("[P-ADM-1] the time of a socket begins anew when its WebSocket has opened, for its peer could send nothing before", async () => {
  const { clock, sockets, dropped } = pool(2, 99);
  const [a, b, c, d, e] = peers(5) as [Peer, Peer, Peer, Peer, Peer];
  for (const socket of [a, b, c]) sockets.add(socket, undefined);
  await clock.advance(2_900);
  sockets.renew(a);
  await clock.advance(200);
  sockets.add(d, undefined);
  sockets.add(e, undefined);
  expect(dropped).toEqual([
    [b, "pool"],
    [c, "pool"],
  ]);
  sockets.renew(b);
  expect(sockets.size).toBe(3);
});

test("[P-ADM-1] above the limit of an address its own oldest socket makes room, at once and whatever others have", () => {
  const { sockets, dropped } = pool(99, 2);
  const [a, b, other, c] = peers(4) as [Peer, Peer, Peer, Peer];
  sockets.add(a, "198.51.100.1");
  sockets.add(b, "198.51.100.1");
  sockets.add(other, "198.51.100.2");
  sockets.add(c, "198.51.100.1");
  expect(dropped).toEqual([[a, "address"]]);
});

test("a socket counts for the address that a proxy names for it, and no longer for the former one", () => {
  const { sockets, dropped } = pool(99, 1);
  const [a, b, c] = peers(3) as [Peer, Peer, Peer];
  sockets.add(a, undefined);
  sockets.add(a, "198.51.100.1");
  sockets.add(a, "198.51.100.2");
  sockets.add(b, "198.51.100.1");
  expect(dropped).toEqual([]);
  sockets.add(c, "198.51.100.2");
  expect(dropped).toEqual([[a, "address"]]);
  expect(sockets.size).toBe(2);
});

test("a closed socket leaves the pool, and a removed one keeps no listener", async () => {
  const { sockets } = pool(9, 9);
  const [a, b] = peers(2) as [Peer, Peer];
  sockets.add(a, "198.51.100.1");
  sockets.add(b, "198.51.100.1");
  sockets.remove(b);
  expect(b.listenerCount("close")).toBe(0);
  a.destroy();
  await new Promise((resolve) => a.once("close", resolve));
  expect(sockets.size).toBe(0);
  sockets.add(a, undefined);
  expect(sockets.size).toBe(0);
});

test("[P-ADM-1] handshakes without a credential take turns: eight at once, then one in a millisecond, and closed sockets take none", async () => {
  const clock = new ManualClock();
  const pace = new HandshakePace(clock);
  const done: number[] = [];
  const sockets = peers(12);
  sockets.forEach((socket, n) => void pace.turn(socket).then(() => done.push(n)));
  await clock.advance(0);
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  sockets[8]?.destroy();
  await clock.advance(1);
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await clock.advance(1);
  expect(done).toHaveLength(11);
  await clock.advance(100);
  expect(done).toHaveLength(12);
  void pace.turn(new Peer()).then(() => done.push(12));
  await clock.advance(0);
  expect(done).toHaveLength(13);
});

test("[P-ADM-1] each client that shows its credential lets two further handshakes take their turn at once, and 64 may be saved up", async () => {
  const clock = new ManualClock();
  const pace = new HandshakePace(clock);
  let done = 0;
  const come = (count: number) => {
    for (const socket of peers(count)) void pace.turn(socket).then(() => done++);
  };
  come(20);
  await clock.advance(0);
  expect(done).toBe(8);
  pace.earn();
  pace.earn();
  await clock.advance(0);
  expect(done).toBe(12);
  await clock.advance(100);
  expect(done).toBe(20);
  for (let n = 0; n < 100; n++) pace.earn();
  come(100);
  await clock.advance(0);
  expect(done).toBe(84);
});
