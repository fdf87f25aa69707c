import { settle } from "@milepost/client/testing";
import { act, cleanup, render, screen, within } from "@testing-library/react";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, it } from "vitest";
import { MilepostProvider } from "./provider.tsx";
import { StatusPanel, type StatusPanelProps } from "./status-panel.tsx";
import { at, event, setUp } from "./testing/world.tsx";

afterEach(cleanup);

type Choice = Pick<StatusPanelProps, "connection" | "notifications">;

/** Renders panels named "1", "2" and so on, with a notification, and returns which of them show what. */
async function show(...choices: readonly Choice[]) {
  const world = setUp();
  const tree = (shown: readonly (Choice | undefined)[]) => (
    <>
      {shown.map(
        (choice, n) =>
          choice !== undefined && (
            // biome-ignore lint/suspicious/noArrayIndexKey: the panels keep their places
            <StatusPanel key={n} operationId={`${n + 1}`} {...choice} />
          ),
      )}
    </>
  );
  const { rerender } = render(tree(choices), { wrapper: world.wrapper });
  await act(settle);
  await world.accept();
  const notify = (n: number) =>
    world.after(() =>
      world.gateway.last.say(event("user:u1", n, "notification", { message: `Saved ${n}` })),
    );
  const panels = (has: (panel: HTMLElement) => boolean) =>
    screen
      .getAllByRole("region")
      .filter(has)
      .map((panel) => within(panel).getByRole("heading").textContent);
  return {
    ...world,
    notify,
    rerender: (...shown: readonly (Choice | undefined)[]) =>
      world.after(() => rerender(tree(shown))),
    lights: () => panels((panel) => panel.querySelector(".mp-connection") !== null),
    lists: () => panels((panel) => panel.querySelector(".mp-notifications") !== null),
  };
}

describe("several status panels on a page", () => {
  it("of several status panels the first one shows the connection and each notification", async () => {
    const { answer, notify, lights, lists } = await show({}, {}, {});
    await answer("user:u1", { position: at(0), recovered: false });
    await notify(1);
    expect(screen.getAllByText("Saved 1")).toHaveLength(1);
    expect(screen.getAllByText("Connected")).toHaveLength(1);
    expect([lights(), lists()]).toEqual([["1"], ["1"]]);
  });

  it("when the first status panel unmounts, the next one shows the connection and the notifications", async () => {
    const { rerender, lights, lists } = await show({}, {}, {});
    await rerender(undefined, {}, {});
    expect([lights(), lists()]).toEqual([["2"], ["2"]]);
    await rerender(undefined, undefined, {});
    expect([lights(), lists()]).toEqual([["3"], ["3"]]);
    await rerender({}, undefined, {});
    expect([lights(), lists()]).toEqual([["3"], ["3"]]);
  });

  it("a status panel shows a part always or never when the application chooses, and the others then follow", async () => {
    const first = await show({ connection: false }, {}, { notifications: true });
    expect([first.lights(), first.lists()]).toEqual([["2"], ["3"]]);
    await first.rerender({ connection: true }, { connection: true }, { notifications: false });
    expect([first.lights(), first.lists()]).toEqual([["1", "2"], ["1"]]);
    await first.rerender(
      { connection: false, notifications: false },
      { connection: false, notifications: false },
      { connection: false, notifications: false },
    );
    expect([first.lights(), first.lists()]).toEqual([[], []]);
  });

  it("of several status panels that a server renders, the first one shows the connection", () => {
    const { client } = setUp();
    const html = renderToString(
      <MilepostProvider client={client}>
        <StatusPanel operationId="1" connection={false} />
        <StatusPanel operationId="2" />
        <StatusPanel operationId="3" />
      </MilepostProvider>,
    );
    const lights = html.split("<section").map((panel) => panel.split("Not connected").length - 1);
    expect(lights).toEqual([0, 0, 1, 0]);
  });
});
