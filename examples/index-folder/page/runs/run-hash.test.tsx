import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { useRunHash } from "./run-hash.ts";

afterEach(() => {
  cleanup();
  window.location.hash = "";
});

function Probe() {
  const [id, select] = useRunHash();
  return (
    <button type="button" onClick={() => select("a/b c")}>
      {id ?? "none"}
    </button>
  );
}

function goTo(hash: string): void {
  act(() => {
    window.location.hash = hash;
    window.dispatchEvent(new Event("hashchange"));
  });
}

describe("the run in the address", () => {
  it("the run in the address is read at once, so that a reload and a second tab show the same run", () => {
    window.location.hash = "run=op-7";
    render(<Probe />);
    expect(screen.getByRole("button").textContent).toBe("op-7");
  });

  it("the selected run follows the address when it changes and when it is cleared", () => {
    render(<Probe />);
    goTo("#run=op-1");
    expect(screen.getByRole("button").textContent).toBe("op-1");
    goTo("");
    expect(screen.getByRole("button").textContent).toBe("none");
  });

  it("any operation id survives the way into the address and back", () => {
    render(<Probe />);
    act(() => screen.getByRole("button").click());
    goTo(window.location.hash);
    expect(screen.getByRole("button").textContent).toBe("a/b c");
  });

  it.each(["#run=", "#run=%E0%A4%A", "#elsewhere"])(
    "an address that names no readable run selects none: %s",
    (hash) => {
      render(<Probe />);
      goTo(hash);
      expect(screen.getByRole("button").textContent).toBe("none");
    },
  );
});
