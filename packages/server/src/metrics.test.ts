import { RecordingMeter } from "@milepost/core/testing";
import { expect, it } from "vitest";
import { startGateway } from "./testing/test-gateway.ts";
import { TestStream } from "./testing/test-stream.ts";

it("a gateway with a meter records its connections by kind of consumer, its publications and its deliveries", async () => {
  const meter = new RecordingMeter();
  await using server = await startGateway({ meter });
  const socket = await server.socket("/ws/chat/42");
  await socket.nextOf("subscribed");
  const token = await server.token();
  const stream = await TestStream.open(`${server.url}/v1/sse?channels=chat:42&token=${token}`);
  await stream.nextOf("subscribed");
  await server.gateway.publish("chat:42", "message", "hello");
  await socket.nextOf("message");
  await stream.nextOf("message");
  const opened = (consumer: string) =>
    meter.count("milepost_connections_opened_total", { consumer });
  expect([opened("websocket"), opened("sse")]).toEqual([1, 1]);
  expect(meter.count("milepost_publications_accepted_total")).toBe(1);
  expect(meter.count("milepost_deliveries_total")).toBe(2);
  await server.gateway.close();
  expect(meter.count("milepost_connections_closed_total")).toBe(2);
  expect(meter.read("milepost_connections")).toBe(0);
});
