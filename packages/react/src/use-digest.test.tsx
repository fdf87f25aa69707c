import { settle } from "@milepost/client/testing";
import type { Digest } from "@milepost/model";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { DigestPanel } from "./digest-panel.tsx";
import { answerRequest } from "./testing/answers.ts";
import { setUp } from "./testing/world.tsx";

afterEach(cleanup);

const totals = {
  steps_done: 3,
  warnings: 2,
  errors: 0,
  questions: 1,
  started: 0,
  finished: 1,
  failed: 0,
  notifications: 0,
};
const digest: Digest = {
  since: 1,
  until: 9,
  totals,
  operations: [
    {
      operation_id: "9",
      kind: "index",
      title: "Index the folder",
      status: "done",
      percent: 100,
      steps_done: 3,
      warnings: 2,
      errors: 0,
      questions: 0,
      ended: "done",
      more: true,
    },
  ],
  open_questions: 1,
  more: true,
  seen: { at: 9, positions: {} },
};

it("[P-DIG-6] the digest panel says what has happened in words, until the person has seen it", async () => {
  const world = setUp();
  render(<DigestPanel hrefOf={(id) => `#${id}`} />, { wrapper: world.wrapper });
  await act(settle);
  await world.after(() => world.gateway.last.accept({ user_id: "7" }));
  await answerRequest(world, "digest.get", digest);
  expect(screen.getByRole("status").textContent).toBe(
    "1 finished, 3 steps done, 2 warnings, 1 question, and more",
  );
  expect(screen.getByRole("link", { name: "Index the folder" }).getAttribute("href")).toBe("#9");
  expect(screen.getByRole("listitem").textContent).toContain(
    "finished, 3 steps done, 2 warnings, and more",
  );
  await world.after(() => fireEvent.click(screen.getByRole("button", { name: "Seen" })));
  expect(await answerRequest(world, "digest.seen", { at: 9, positions: 0 })).toEqual(digest.seen);
  expect(screen.queryByRole("region")).toBeNull();
});

it("[P-DIG-6] the digest panel shows nothing where nothing has happened", async () => {
  const world = setUp();
  render(<DigestPanel />, { wrapper: world.wrapper });
  await act(settle);
  await world.after(() => world.gateway.last.accept({ user_id: "7" }));
  const none = Object.fromEntries(Object.keys(totals).map((name) => [name, 0]));
  const nothing = { ...digest, totals: none, operations: [], open_questions: 0, more: false };
  await answerRequest(world, "digest.get", nothing);
  expect(screen.queryByRole("region")).toBeNull();
});
