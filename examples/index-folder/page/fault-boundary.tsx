import { Component, type ReactNode } from "react";

interface Props {
  readonly children: ReactNode;
}

interface State {
  readonly fault: unknown;
}

/** Error page that replaces a page that failed to render, instead of a blank one. */
export class FaultBoundary extends Component<Props, State> {
  override state: State = { fault: undefined };

  static getDerivedStateFromError(fault: unknown): State {
    return { fault };
  }

  override render(): ReactNode {
    const { fault } = this.state;
    if (fault === undefined) return this.props.children;
    return (
      <main className="desk" role="alert">
        <h1>This page has a fault</h1>
        <p>
          The work itself goes on.{" "}
          <button type="button" className="link" onClick={() => window.location.reload()}>
            Load the page again
          </button>{" "}
          to see it.
        </p>
        <p className="soft small">{fault instanceof Error ? fault.message : String(fault)}</p>
      </main>
    );
  }
}
