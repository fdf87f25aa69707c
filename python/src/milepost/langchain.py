"""Callbacks of LangChain and LangGraph that report a run. Needs ``milepost[langchain]``."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler

from .operation import Handle, current


class MilepostCallback(BaseCallbackHandler):
    """Reports a run of LangChain or LangGraph: give it as ``config={"callbacks": [MilepostCallback(op)]}``.

    A node of a graph is a step and an agent; tools are its tasks. Tokens of a model that streams are a text stream with the
    name of the node. At each node and token, the command ``cancel`` ends the run with :class:`milepost.Cancelled`.
    """

    #: A cancelled run ends because this handler raises.
    raise_error = True
    run_inline = True

    def __init__(self, operation: Handle | None = None, *, tokens: bool = True) -> None:
        self._operation = operation or current()
        self._tokens = tokens
        self._nodes: dict[UUID, str] = {}
        self._tools: dict[UUID, tuple[str, str]] = {}
        self._streams: dict[UUID, str] = {}

    def on_chain_start(
        self,
        serialized: dict[str, Any],
        inputs: Any,
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Begins a step for a node of the graph."""
        node = _node_of(metadata)
        if self._operation is None or node is None or kwargs.get("name") != node:
            return
        self._operation.check()
        self._nodes[run_id] = node
        self._operation.step(node).begin()
        self._operation.agent(node, active=True)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Ends the step of a node."""
        node = self._nodes.pop(run_id, None)
        if self._operation is not None and node is not None:
            self._operation.step(node).done()
            self._operation.agent(node, active=False)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Ends the step of a node as failed. A graph that only waits for a person has not failed."""
        node = self._nodes.pop(run_id, None)
        if self._operation is None or node is None:
            return
        if type(error).__name__ not in ("GraphInterrupt", "NodeInterrupt") and not self._operation.cancelled:
            self._operation.step(node).fail(str(error))
        self._operation.agent(node, active=False)

    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Shows the tool as a task of its node."""
        if self._operation is None:
            return
        self._operation.check()
        name = str((serialized or {}).get("name") or kwargs.get("name") or "tool")
        self._tools[run_id] = (_node_of(metadata) or "agent", name)
        self._show_tools(self._tools[run_id][0])

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Ends the task of a tool."""
        found = self._tools.pop(run_id, None)
        if found is not None:
            self._show_tools(found[0])

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Writes a warning, since an agent may go on without the tool."""
        found = self._tools.pop(run_id, None)
        if self._operation is not None and found is not None:
            self._operation.log(f"{found[1]} failed: {error}", level="warning", agent=found[0])
            self._show_tools(found[0])

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: Any,
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Begins the text stream of a model."""
        self._streams[run_id] = _node_of(metadata) or "text"

    def on_llm_start(
        self,
        serialized: dict[str, Any],
        prompts: list[str],
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Begins the text stream of a model."""
        self._streams[run_id] = _node_of(metadata) or "text"

    def on_llm_new_token(self, token: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Adds a token to the text stream of its node."""
        if self._operation is None:
            return
        self._operation.check()
        if self._tokens and isinstance(token, str) and token != "":
            self._operation.text(self._streams.get(run_id, "text")).append(token)

    def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Forgets a model that has answered."""
        self._streams.pop(run_id, None)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Forgets a model that has failed; its node says so."""
        self._streams.pop(run_id, None)

    def _show_tools(self, agent: str) -> None:
        if self._operation is not None:
            names = [name for node, name in self._tools.values() if node == agent]
            self._operation.agent(agent, active=True, tasks=names)


def _node_of(metadata: dict[str, Any] | None) -> str | None:
    node = (metadata or {}).get("langgraph_node")
    return str(node)[:64] if node is not None and not str(node).startswith("__") else None
