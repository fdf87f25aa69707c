import { MilepostError } from "@milepost/protocol";
import { afterEach, expect, it, vi } from "vitest";
import { createClient } from "../create-client.ts";
import { ScriptedGateway } from "../testing/index.ts";
import { transportsOf } from "./transports.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

const url = "ws://gateway.test/ws";
const { webSocket } = new ScriptedGateway();
const namesOf = (options: Parameters<typeof transportsOf>[0]) =>
  transportsOf(options).map(({ name }) => name);

it("transportsOf returns all transports, the best first, or the requested ones in the given order", () => {
  expect(namesOf({ url, webSocket })).toEqual(["websocket", "sse", "poll"]);
  expect(namesOf({ url, webSocket, transports: ["poll", "websocket"] })).toEqual([
    "poll",
    "websocket",
  ]);
});

it("transportsOf leaves out unavailable transports, and createClient throws when none is left", () => {
  vi.stubGlobal("WebSocket", undefined);
  expect(namesOf({ url })).toEqual(["sse", "poll"]);
  expect(() => createClient({ url, transports: ["websocket"] })).toThrow(/pass `webSocket`/);
  vi.stubGlobal("fetch", undefined);
  expect(() => createClient({ url })).toThrow(MilepostError);
  expect(namesOf({ url, fetch: () => Promise.reject(new Error("offline")) })).toEqual([
    "sse",
    "poll",
  ]);
});
