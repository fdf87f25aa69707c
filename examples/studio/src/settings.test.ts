import { describe, expect, it } from "vitest";
import { readSettings } from "./settings.ts";

describe("the studio's settings", () => {
  it("the studio listens on 3001 and expects its page at port 3000 of localhost, unless it is told otherwise", () => {
    expect(readSettings({}, [])).toMatchObject({
      port: 3_001,
      frontendUrl: "http://localhost:3000",
    });
    const env = { BACKEND_PORT: "4001", FRONTEND_URL: "https://studio.example.com/app" };
    expect(readSettings(env, [])).toMatchObject({
      port: 4_001,
      frontendUrl: "https://studio.example.com",
    });
    expect(readSettings({ ...env, PORT: "4002" }, [])).toMatchObject({ port: 4_002 });
    expect(readSettings({ ...env, PORT: "4002" }, ["--port", "4003"])).toMatchObject({
      port: 4_003,
    });
  });

  it.each([
    [{ BACKEND_PORT: "x" }, /BACKEND_PORT must be a number/],
    [{ FRONTEND_URL: "localhost:3000" }, /FRONTEND_URL must be like/],
    [{ SECRET_KEY: "short" }, /SECRET_KEY must have at least 32 bytes/],
  ])("the studio refuses %j with what to write instead", (env, message) => {
    expect(() => readSettings(env, [])).toThrow(message);
  });
});
