import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { failure } from "@milepost/protocol";
import { otherRole } from "../config/role.ts";
import { pathOf } from "../http/claimed-paths.ts";
import type { Door, DoorRoute, DoorUpgrades } from "./door.ts";
import { refuseUpgrade } from "./websocket/refusal.ts";

/** Set of all doors of one gateway, usable like a single door. */
export class DoorSet implements DoorUpgrades {
  readonly #doors: readonly Door[];
  readonly #isOpen: boolean;

  /**
   * Creates the set. The first door in the list that claims the path of an upgrade request handles it. With
   * `isOpen` false, every upgrade is refused.
   */
  constructor(doors: readonly Door[], isOpen: boolean) {
    this.#doors = doors;
    this.#isOpen = isOpen;
  }

  /** HTTP endpoints of all doors. */
  get routes(): readonly DoorRoute[] {
    return this.#doors.flatMap(({ routes = [] }) => routes);
  }

  /** True if one of the doors claims the path, also while the doors are closed. */
  claims(path: string): boolean {
    return this.#of(path) !== undefined;
  }

  /**
   * Passes an upgrade request to the door that claims its path; refuses it with `not_found` if the doors are
   * closed.
   */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const upgrades = this.#isOpen ? this.#of(pathOf(request.url)) : undefined;
    if (upgrades !== undefined) {
      upgrades.accept(request, socket, head);
      return;
    }
    socket.on("error", () => {});
    refuseUpgrade(socket, failure("not_found", otherRole));
  }

  refuse(): void {
    for (const door of this.#doors) door.refuse?.();
  }

  async close(): Promise<void> {
    await Promise.all(this.#doors.map((door) => door.close?.()));
  }

  #of(path: string): DoorUpgrades | undefined {
    return this.#doors.find(({ upgrades }) => upgrades?.claims(path))?.upgrades;
  }
}
