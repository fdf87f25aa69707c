import { faultsIn } from "../faults-in.mjs";

const react = "packages/react/src";

/** Faults in the hooks and the status panel. */
export const reactMutants = [
  ...faultsIn(`${react}/latest.ts`, [
    ["items.slice(-limit)", "items.slice(-limit - 1)", "a list shows one item more than its limit"],
  ]),
  ...faultsIn(`${react}/use-selected.ts`, [
    [
      "isShallowEqual(last.current.part, part)",
      "Object.is(last.current.part, part)",
      "a component renders again although its part is the same",
    ],
    [
      "if (keys.length !== Object.keys(b).length) return false;",
      "",
      "a component is not rendered when its part has lost a field",
    ],
  ]),
  ...faultsIn(`${react}/command-control.ts`, [
    [
      "available: !pending && isAllowed",
      "available: isAllowed",
      "a command can be given again while it is under way",
    ],
    [
      "error: pending ? undefined : tried?.error,",
      "error: undefined,",
      "the refusal of a command is not shown",
    ],
  ]),
  ...faultsIn(`${react}/use-command.ts`, [
    [
      "const isOurs = tried?.handle === handle && tried.name === name;",
      "const isOurs = true;",
      "the attempt at one command is shown at another",
    ],
    [
      "!isFinal(status) && own.while?.includes(status) !== false",
      "!isFinal(status)",
      "a command is offered while the operation does not take it",
    ],
  ]),
  ...faultsIn(`${react}/use-commands.ts`, [
    [
      "attempts[name]?.handle === handle ? attempts[name]",
      "attempts[name] !== undefined ? attempts[name]",
      "the attempt at one operation is shown at another",
    ],
    [
      "state?.commands.findLast(",
      "state?.commands.find(",
      "a command shows the phase of its first request",
    ],
  ]),
  ...faultsIn(`${react}/channel-store.ts`, [
    [
      "const defaultLimit = 200;",
      "const defaultLimit = 200_000;",
      "a page keeps every event that it ever had",
    ],
    [
      "{ snapshot: item.snapshot, events: [] }",
      "{ snapshot: item.snapshot }",
      "events from before a reset are shown after it",
    ],
    [
      "const since = this.#subscription?.position ?? this.#options.current.since;",
      "const since = this.#options.current.since;",
      "a component that comes back receives everything again",
    ],
    [
      "this.#listeners.size === 0) this.#stop();",
      "false) this.#stop();",
      "a channel is read on after its last component has gone",
    ],
  ]),
  ...faultsIn(`${react}/use-now.ts`, [
    ["return () => cancel();", "", "a component that has gone keeps its clock running"],
  ]),
  ...faultsIn(`${react}/use-typing.ts`, [
    [".filter((id) => id !== presence?.self)", "", "a person is told that they are typing"],
    [
      "useEffect(() => () => (said.current ? setTyping(false) : undefined), [setTyping]);",
      "",
      "a person who leaves a page goes on typing",
    ],
  ]),
  ...faultsIn(`${react}/operation-progress.tsx`, [
    [
      "Math.floor(state.percent)",
      "Math.ceil(state.percent)",
      "an operation shows 100 % before it is done",
    ],
    [
      'state.status === "waiting" && percent === 0',
      "percent === 0",
      "running work without progress looks as if it waited",
    ],
  ]),
  ...faultsIn(`${react}/command-buttons.tsx`, [
    ['!(name === "retry" && hopeless)', "true", "work that must not be repeated offers a retry"],
    [
      "if (document.activeElement === document.body) group.current?.focus();",
      "",
      "the focus is lost with the button that goes",
    ],
    ["if (!pending) void run();", "void run();", "a second press gives a command again"],
  ]),
];
