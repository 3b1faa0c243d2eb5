"""Connections with a time for everything, and a stop that finishes what was taken."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import h11
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from tunelab.errors import RunError
from tunelab.serving.http.refusals import plain_response

# Seconds in which a connection that is idle when the service stops may still bring its request.
_LINGER = 1.0


def bounded_protocol(*, seconds: float, connections: int) -> type[asyncio.Protocol]:
    """uvicorn's protocol with two more bounds.

    The head of a request has to arrive within ``seconds``, and so has the rest of a body that was
    refused; ``connections`` are open at most.
    """

    class BoundedProtocol(H11Protocol):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > connections:
                self._end_with(503, "too many connections are open; ask again later.")
                return
            self._begin_timer()

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.conn.their_state is h11.SEND_BODY:
                self._begin_timer()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end_timer()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            self._end_with(400, "this is no request of HTTP/1.1.")

        def _watch(self) -> None:
            """Time what is not yet a request; a request has times of its own."""
            if self.cycle is None or self.cycle.response_complete:
                self._begin_timer()
            else:
                self._end_timer()

        def _begin_timer(self) -> None:
            if self._timer is None and not self.transport.is_closing():
                self._timer = self.loop.call_later(seconds, self._too_late)

        def _end_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _too_late(self) -> None:
            begun, _ = self.conn.trailing_data
            if begun and self.conn.our_state is h11.IDLE:
                self._end_with(
                    408, f"the request was not there after {seconds:g} seconds; send it faster."
                )
            else:
                self.transport.close()

        def _end_with(self, status: int, message: str) -> None:
            self._end_timer()
            if not self.transport.is_closing():
                self.transport.write(plain_response(status, message))
                self.transport.close()

    return BoundedProtocol


class StoppingServer(Server):
    """A server that ends gracefully at the first signal and at once at the second.

    ``on_stop`` is called when it begins to stop. From then on no connection is taken; requests
    that are on their way are answered, and each answer closes its connection.
    """

    def __init__(self, config: Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def bind(self) -> socket.socket:
        """The socket that listens on the host and the port of the configuration.

        Connections wait there until :meth:`listen` takes them.

        Raises:
            RunError: the port was taken in between.
        """
        host, port = self.config.host, self.config.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return socket.create_server((host, port), family=family, backlog=2048)
        except OSError as error:
            raise RunError(f"cannot listen on {host}, port {port} ({error.strerror}).") from None

    def listen(self, listener: socket.socket | None = None) -> None:
        """Take requests until a signal comes; None: on a socket that :meth:`bind` makes now.

        Raises:
            RunError: as :meth:`bind`.
        """
        self.run([listener or self.bind()])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop, or end the process where it has begun."""
        if self.should_exit:
            sys.stderr.write("tunelab: stopped at once.\n")
            os._exit(128 + sig)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is on its way, then close. ``sockets`` are those that it listens on."""
        loop = asyncio.get_running_loop()
        self._on_stop()
        # What is closed below would reset connections that nobody has accepted yet.
        waiting = [one for listener in sockets or [] for one in _accept_all(listener)]
        for server in self.servers:
            server.close()
        for connection in waiting:
            await loop.connect_accepted_socket(self._protocol, connection)
        # An idle connection may bring a request that was sent before it could know.
        last = loop.time() + _LINGER
        while self.server_state.connections and loop.time() < last:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        protocol: Any = self.config.http_protocol_class
        made: asyncio.Protocol = protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made


def _accept_all(listener: socket.socket) -> list[socket.socket]:
    """The connections that wait to be accepted.

    From now on the system lets one more wait at most, which the closing resets.
    """
    found: list[socket.socket] = []
    listener.listen(0)
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return found
        connection.setblocking(False)
        found.append(connection)
