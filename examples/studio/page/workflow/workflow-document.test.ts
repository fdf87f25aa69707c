import { expect, test, vi } from "vitest";
import { applyUpdate, Doc, encodeStateAsUpdate } from "yjs";
import { board, stepSize, WorkflowDocument } from "./workflow-document.ts";

function exchange(...docs: readonly Doc[]): void {
  for (const from of docs) for (const to of docs) applyUpdate(to, encodeStateAsUpdate(from));
}

test("steps are added at free places, renamed, moved within the board and removed with their arrows", () => {
  const workflow = new WorkflowDocument(new Doc());
  const [a, b] = [workflow.addStep("Fetch"), workflow.addStep("  ")];
  workflow.toggleArrow(a, b);
  workflow.move(a, -10_000, 10_000);
  workflow.rename(b, "Check");
  const { steps, arrows } = workflow.getSnapshot();
  expect(steps.find(({ id }) => id === a)).toMatchObject({
    label: "Fetch",
    x: 0,
    y: board.height - stepSize.height,
  });
  expect(steps.find(({ id }) => id === b)?.label).toBe("Check");
  expect(arrows).toMatchObject([{ from: a, to: b }]);
  workflow.remove(a);
  expect(workflow.getSnapshot()).toMatchObject({ steps: [{ id: b }], arrows: [] });
});

test("what two people do without a connection is all there afterwards, and the same for both", () => {
  const [one, two] = [new Doc(), new Doc()];
  const [ada, bob] = [new WorkflowDocument(one), new WorkflowDocument(two)];
  const a = ada.addStep("Fetch");
  const b = ada.addStep("Check");
  exchange(one, two);
  ada.toggleArrow(a, b);
  bob.toggleArrow(a, b);
  bob.rename(b, "Verify");
  const c = bob.addStep("Store");
  exchange(one, two);
  expect(ada.getSnapshot()).toEqual(bob.getSnapshot());
  expect(ada.getSnapshot().arrows).toHaveLength(1);
  expect(ada.getSnapshot().steps.map(({ id }) => id)).toContain(c);
});

test("an arrow to a step that somebody removed meanwhile is not shown", () => {
  const [one, two] = [new Doc(), new Doc()];
  const [ada, bob] = [new WorkflowDocument(one), new WorkflowDocument(two)];
  const [a, b] = [ada.addStep("Fetch"), ada.addStep("Check")];
  exchange(one, two);
  ada.remove(b);
  bob.toggleArrow(a, b);
  exchange(one, two);
  expect(ada.getSnapshot().arrows).toEqual([]);
  expect(bob.getSnapshot()).toEqual(ada.getSnapshot());
});

test("the snapshot is the same object until the workflow changes", () => {
  const workflow = new WorkflowDocument(new Doc());
  const listener = vi.fn();
  const stop = workflow.subscribe(listener);
  const before = workflow.getSnapshot();
  expect(workflow.getSnapshot()).toBe(before);
  workflow.addStep("Fetch");
  expect(workflow.getSnapshot()).not.toBe(before);
  expect(listener).toHaveBeenCalled();
  stop();
});
