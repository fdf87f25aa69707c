import { settle } from "@milepost/client/testing";
import type { Question } from "@milepost/model";
import {
  act,
  cleanup,
  fireEvent,
  render,
  renderHook,
  screen,
  within,
} from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { QuestionPanel } from "./question-list.tsx";
import { StatusPanel } from "./status-panel.tsx";
import { answerRequest } from "./testing/answers.ts";
import { created, event, fold, operationAnswer, setUp, type World } from "./testing/world.tsx";
import { useQuestion } from "./use-question.ts";

afterEach(cleanup);

const question = (change: Partial<Question> = {}): Question => ({
  id: "q1",
  operation_id: "9",
  title: "Index the folder",
  operation_kind: "index",
  kind: "approve",
  prompt: "Go on?",
  status: "open",
  asked_at: 1,
  may_answer: true,
  ...change,
});

const asked = (id: string, kind: Question["kind"] = "approve") =>
  ({ event: "question", data: { question_id: id, phase: "asked", kind, prompt: "?" } }) as const;

/** Returns the form of a question. */
function formOf(name: string): HTMLFormElement {
  const form = screen.getByRole("article", { name }).querySelector("form");
  if (form === null) throw new Error(`the question ${name} has no form`);
  return form;
}

/** Shows the operation 9 with an open question. */
async function begin(world: World, ...questions: Question[]): Promise<void> {
  await act(settle);
  await world.accept();
  const state = fold(created, ...questions.map(({ id, kind }) => asked(id, kind)));
  await world.answer("operation:9", operationAnswer(state));
  await answerRequest(world, "questions.list", { questions });
}

describe("QuestionPanel", () => {
  it("[P-QST-12] QuestionPanel approves with a comment, and shows who answered what", async () => {
    const world = setUp();
    render(<QuestionPanel operation="9" />, { wrapper: world.wrapper });
    await begin(world, question());
    expect(screen.getByRole("heading", { level: 3 }).textContent).toBe("Go on?");
    expect(screen.getByRole("status").textContent).toBe("Question: Go on?");
    fireEvent.change(screen.getByLabelText("Comment"), { target: { value: "with care" } });
    const yes = screen.getByRole("button", { name: "Yes" });
    yes.focus();
    await world.after(() => fireEvent.click(yes));
    expect(yes.getAttribute("aria-disabled")).toBe("true");
    await world.after(() => fireEvent.click(yes));
    const over = question({ status: "answered", answer: true, by: "7", settled_at: 5 });
    const params = await answerRequest(world, "questions.answer", { question: over });
    expect(params).toEqual({
      operation_id: "9",
      question_id: "q1",
      answer: true,
      comment: "with care",
    });
    expect(world.gateway.last.count("request")).toBe(0);
    expect(screen.queryByRole("button", { name: "Yes" })).toBeNull();
    expect(screen.getByRole("listitem").textContent).toBe("Go on?Yes, by 7");
    expect(screen.getByRole("status").textContent).toBe("Go on? Yes, by 7");
    expect(document.activeElement?.className).toBe("mp-questions");
  });

  it("[P-QST-12] QuestionPanel shows the answer of whoever was first, also to a person who was typing", async () => {
    const world = setUp();
    const options = [{ id: "a", title: "The first" }, { id: "b" }];
    const choose = question({ kind: "choose", options });
    render(<QuestionPanel operation="9" />, { wrapper: world.wrapper });
    await begin(world, choose);
    const first = screen.getByRole("radio", { name: "The first" });
    first.focus();
    fireEvent.click(first);
    await world.after(() =>
      world.gateway.last.say(
        event("operation:9", 3, "question", {
          question_id: "q1",
          phase: "answered",
          answer: "b",
          by: "eve",
        }),
      ),
    );
    const over = { ...choose, status: "answered", answer: "b", by: "eve", settled_at: 5 };
    await answerRequest(world, "questions.list", { questions: [over] });
    expect(screen.getByRole("listitem").textContent).toBe("Go on?b, by eve");
    expect(document.activeElement?.className).toBe("mp-questions");
  });

  it("[P-QST-12] QuestionPanel makes a form of a schema, and sends a value of each type", async () => {
    const world = setUp();
    const schema = {
      type: "object",
      required: ["name", "count", "size"],
      properties: {
        name: { type: "string", title: "Name" },
        count: { type: "integer", title: "Count", minimum: 1 },
        fast: { type: "boolean", title: "Fast" },
        size: { enum: ["small", "large"], title: "Size" },
        note: { type: "string", title: "Note", description: "For the others" },
      },
    };
    render(<QuestionPanel operation="9" />, { wrapper: world.wrapper });
    await begin(world, question({ kind: "input", schema, default: { count: 2 } }));
    const enter = (label: string | RegExp, value: string) =>
      fireEvent.change(screen.getByLabelText(label), { target: { value } });
    const form = formOf("Go on?");
    await world.after(() => fireEvent.submit(form));
    expect(screen.getByRole("alert").textContent).toBe("Give a value that fits.");
    expect(screen.getByLabelText("Name")).toBe(document.activeElement);
    enter("Name", "Ada");
    enter("Size", "1");
    fireEvent.click(screen.getByLabelText(/^Fast/));
    await world.after(() => fireEvent.submit(form));
    const over = question({ status: "answered", settled_at: 5, by: "7" });
    const params = await answerRequest(world, "questions.answer", { question: over });
    expect(params).toMatchObject({ answer: { name: "Ada", count: 2, fast: true, size: "large" } });
    expect(params).not.toHaveProperty("answer.note");
  });

  it("[P-QST-12] QuestionPanel keeps a question whose answer was refused, and says why", async () => {
    const world = setUp();
    render(<QuestionPanel operation="9" />, { wrapper: world.wrapper });
    await begin(world, question({ kind: "input", schema: { type: "number", maximum: 10 } }));
    fireEvent.change(screen.getByLabelText(/Your answer/), { target: { value: "7" } });
    await world.after(() => fireEvent.submit(formOf("Go on?")));
    await world.after(() =>
      world.gateway.last.refuse(world.gateway.last.take("request"), {
        code: "invalid_data",
        message: "answer must be at most 5",
        retryable: false,
      }),
    );
    await answerRequest(world, "questions.get", question({ kind: "input" }));
    expect(screen.getByRole("alert").textContent).toContain("answer must be at most 5");
    expect(formOf("Go on?")).toBeDefined();
  });

  it("[P-QST-12] QuestionPanel has no controls for a person that may not answer, and counts down to the deadline", async () => {
    const world = setUp();
    const deadline_at = world.clock.now() + 90_000;
    const both = [
      question({ deadline_at, default: false }),
      question({ id: "q2", prompt: "Yours?", may_answer: false, asked_at: 2 }),
    ];
    render(<QuestionPanel operation="9" />, { wrapper: world.wrapper });
    await begin(world, ...both);
    const [mine, theirs] = screen.getAllByRole("article");
    if (mine === undefined || theirs === undefined) throw new Error("there are two questions");
    expect(within(mine).getByText("90 s left, then the answer is: No")).toBeDefined();
    await world.after(() => world.clock.advance(1_000));
    expect(within(mine).getByText("89 s left, then the answer is: No")).toBeDefined();
    expect(within(theirs).queryByRole("button")).toBeNull();
    expect(within(theirs).getByText("Somebody else is asked.")).toBeDefined();
  });

  it("[P-QST-12] the status panel asks for questions only where the operation has some, and shows them", async () => {
    const world = setUp();
    render(<StatusPanel operationId="9" />, { wrapper: world.wrapper });
    await act(settle);
    await world.accept();
    await world.answer("operation:9", operationAnswer(fold(created)));
    expect(world.gateway.last.count("request")).toBe(0);
    await world.after(() =>
      world.gateway.last.say(event("operation:9", 2, asked("q1").event, asked("q1").data)),
    );
    await answerRequest(world, "questions.list", { questions: [question()] });
    expect(screen.getByRole("article", { name: "Go on?" })).toBeDefined();
  });
});

describe("useQuestion", () => {
  it("[P-QST-12] useQuestion names the current question, puts it aside, and does nothing without an operation", async () => {
    const world = setUp();
    const { result } = renderHook(() => [useQuestion("9"), useQuestion(null), useQuestion("")], {
      wrapper: world.wrapper,
    });
    await begin(world, question({ may_answer: false }), question({ id: "q2", asked_at: 2 }));
    const [used, none, invalid] = result.current;
    expect(used?.question?.id).toBe("q2");
    expect(none).toMatchObject({ status: "loading", question: undefined });
    expect(invalid).toMatchObject({ status: "failed", error: { code: "invalid_channel" } });
    await expect(none?.answer(true)).rejects.toMatchObject({ code: "not_found" });
    const putting = used?.notNow(60_000);
    await act(settle);
    const until = world.clock.now() + 60_000;
    await answerRequest(world, "questions.snooze", question({ id: "q2", snoozed_until: until }));
    await putting;
    expect(result.current[0]).toMatchObject({ question: undefined, snoozed: [{ id: "q2" }] });
  });
});
