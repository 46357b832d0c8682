# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that asks the workers of a Celery application, run in the context of one of its services.

It reaches its interpreter as text, see _context. It needs Celery, which the application has, and nothing else. What the
application prints goes to stderr; on stdout there is the answer alone, one JSON document.

A task is awaited through the broker, so that applications without a result backend can be asked as well: its message
links to two signatures of tasks that no worker has. When the task is done the worker sends one of them on, to a queue
that this program made and consumes. Celery's own task ``celery.accumulate``, which every application has, is what is
sent to a queue to see whether it is worked.

No route of the application has a say in either: a message goes to its queue by the name of the queue, through the
broker's default exchange. The worker still asks its router about the answer, by a name that the router takes. If there
is none, the count of tasks that the workers have accepted has to do as an answer.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import json
import os
import signal
import socket
import sys
import time
import traceback
import uuid
from collections import Counter
from functools import partial
from typing import Any, Collection, Dict, Iterable, Mapping, Sequence

Answer = Dict[str, Any]

CANARY = "celery.accumulate"
IMPORT = 120  # seconds that importing an application may take at least, as in a trial
_ROLL_CALL = 1  # seconds without an answer after which all nodes have answered
_MOST_OTHERS = 1000
_OF_WORK = ("active_queues", "active", "reserved")  # what a node answers with nothing when it has nothing to do
_PAUSE = 0.5
_SURE = 2  # times that a node has to say that it has nothing to do
_LAST = 5  # seconds before the time is over in which nobody is asked any more
_REPLY = "stalk.celery.reply"
_ASKED_NAMES = 200  # tasks of an application about which its router is asked, at most
_GRACE = 1  # seconds
_SKEW = 60  # seconds by which the clocks of two hosts may differ


class DeadlineExceeded(BaseException):
    """Raised by the alarm. A BaseException, so that libraries do not swallow or retry it."""


class RefusalError(Exception):
    """The request cannot be answered; the text says why."""


class Clock:
    """The time that the import has, then that of the request, and what takes it. What hangs is interrupted."""

    def __init__(self, seconds: float) -> None:
        signal.signal(signal.SIGALRM, self._ring)
        self.start("importing the application", seconds)

    def start(self, doing: str, seconds: float) -> None:
        """Begin with something else, which has so many ``seconds``."""
        self.doing = doing
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE)

    def left(self) -> float:
        return max(self._end - time.monotonic(), 0.05)

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    @staticmethod
    def _ring(*_: object) -> None:
        raise DeadlineExceeded


class AppClient:
    """One connection to the broker of ``app``."""

    def __init__(self, app: Any, connection: Any, clock: Clock) -> None:
        self.app = app
        self.connection = connection
        self.clock = clock
        self.heard: Counter[str] = Counter()
        mailbox = app.control.mailbox
        mailbox.accept = {*app.conf.accept_content, app.conf.task_serializer}
        mailbox.serializer = _serializer(app)

    @property
    def has_no_remote_control(self) -> bool:
        """Whether the workers take no remote commands: the application forbids it, or the broker has no broadcasts."""
        allowed = self.app.conf.worker_enable_remote_control
        return not (allowed and self.connection.supports_exchange_type("fanout"))

    def roll_call(self, nodes: Sequence[str], patience: float) -> None:
        """Hear how often each node answers, also one that is not among ``nodes``, which have ``patience`` seconds."""
        if self.has_no_remote_control:
            return
        self.clock.doing = "waiting for the answers of the workers"
        replies = self.app.control.broadcast(
            "ping", connection=self.connection, reply=True, timeout=min(_ROLL_CALL, self.clock.left())
        )
        self.heard.update(str(node) for reply in replies or () for node in reply)
        self.heard.update(self._tell("ping", [node for node in nodes if node not in self.heard], patience).keys())

    def processes(self, nodes: Sequence[str], patience: float) -> Answer:
        """Return the number of the process that answers for each of ``nodes``, ``None`` for one that does not."""
        if self.has_no_remote_control:
            return dict.fromkeys(nodes)
        self.clock.doing = "waiting for the answers of the workers"
        told = self._tell("stats", nodes, patience)
        return {node: told.get(node, {}).get("pid") for node in nodes}

    def others(self, nodes: Sequence[str], queues: Iterable[str], patience: float) -> Answer:
        """Return those of ``queues`` that each node beside ``nodes`` consumes, without the nodes that consume none."""
        unknown = sorted({*self.heard} - {*nodes})[:_MOST_OTHERS]
        told = self._tell("active_queues", unknown, patience)
        consumed = {node: [queue.get("alias") or queue["name"] for queue in answer] for node, answer in told.items()}
        found = {node: sorted({*names} & {*queues}) for node, names in consumed.items()}
        return {node: names for node, names in found.items() if names}

    def inspect(self, nodes: Sequence[str], patience: float) -> Answer:
        """Return what ``nodes`` say of themselves; ``None`` for one that has not been heard."""
        self.clock.doing = "waiting for the answers of the workers"
        alive = sorted(node for node in nodes if self.heard[node])
        told = {
            command: self._tell(command, alive, patience)
            for command in ("active_queues", "active", "reserved", "scheduled", "stats")
        }
        return {
            node: self._described(node, {command: answers.get(node) for command, answers in told.items()})
            if node in alive
            else None
            for node in nodes
        }

    def _tell(self, command: str, nodes: Sequence[str], patience: float) -> dict[str, Any]:
        if not nodes:
            return {}
        replies = self.app.control.broadcast(
            command,
            destination=list(nodes),
            connection=self.connection,
            reply=True,
            timeout=min(patience, self.clock.left()),
            limit=sum(max(self.heard[node], 1) for node in nodes),
        )
        return {node: answer for reply in replies or () for node, answer in reply.items() if node in nodes}

    @staticmethod
    def _described(node: str, told: dict[str, Any]) -> Answer:
        stats = told["stats"] or {}
        totals = stats.get("total") or {}
        pool = stats.get("pool") or {}
        module = str(pool.get("implementation", "")).rpartition(":")[0].rpartition(".")[2]
        addresses = {
            queue.get("alias") or queue["name"]: {
                "name": queue["name"],
                "alias": queue.get("alias"),
                "exchange": (queue.get("exchange") or {}).get("type") or "direct",
            }
            for queue in told["active_queues"] or ()
        }
        addresses.pop(f"{node}.dq2", None)  # its own queue, where the application has worker_direct
        return {
            "queues": sorted(addresses),
            "addresses": addresses,
            "active": [
                {"id": task["id"], "name": task["name"], "seconds": _age(task.get("time_start"))}
                for task in told["active"] or ()
            ],
            "reserved": len(told["reserved"] or ()),
            "scheduled": len(told["scheduled"] or ()),
            "total": sum(totals.values()),
            "accepted": sum(count for name, count in totals.items() if name != CANARY),
            "pool": "threads" if module == "thread" else module,
            "concurrency": pool.get("max-concurrency"),
        }

    def drain(self, processes: Mapping[str, int]) -> Answer:
        """Let nodes consume no more, and wait until they have nothing to do; those that have are in the answer.

        What a worker holds back until its time is not waited for: it gives that back when it stops.

        :param processes: the process that has the name of each node.
        """
        if self.has_no_remote_control:
            raise RefusalError("its workers take no remote commands, so nobody can tell them to consume no more.")
        self.clock.doing = "waiting until the workers have nothing to do"
        idle: Counter[str] = Counter()
        left: set[str] = {*processes}
        known: set[str] = set()
        while left and self.clock.left() > _LAST:
            left = {node for node in left if _is_there(processes[node])}
            known |= self._alone(left - known, processes)
            told = {command: dict(self._all(command, left & known, 1)) for command in _OF_WORK}
            for node in left & known:
                names = [queue["name"] for queue in told["active_queues"].get(node) or ()]
                for name in names:
                    self.app.control.cancel_consumer(name, destination=[node], connection=self.connection)
                idle[node] = idle[node] + 1 if all(told[command].get(node) == [] for command in _OF_WORK) else 0
            left = {node for node in left if idle[node] < _SURE}
            time.sleep(_PAUSE)
        return {"busy": sorted(left)}

    def _alone(self, nodes: Collection[str], processes: Mapping[str, int]) -> set[str]:
        """Return those of the nodes that answer. Raises RefusalError if another process has the name of one."""
        answers = self._all("stats", nodes, 0)
        for node, answer in answers:
            if answer.get("pid") != processes[node]:
                raise RefusalError(f"process {answer.get('pid')} answers to {node} beside {processes[node]}.")
        return {node for node, _answer in answers}

    def _all(self, command: str, nodes: Collection[str], count: int) -> list[tuple[str, Any]]:
        """Return what nodes answer, each ``count`` times; if that is 0, all that comes in a moment."""
        if not nodes:
            return []
        replies = self.app.control.broadcast(
            command,
            destination=sorted(nodes),
            connection=self.connection,
            reply=True,
            timeout=_ROLL_CALL,
            limit=count * len(nodes) or None,
        )
        return [(node, answer) for reply in replies or () for node, answer in reply.items() if node in nodes]

    def default_queues(self) -> list[str]:
        """Return the queues that a worker consumes whose command line names none."""
        return sorted(queue.alias or name for name, queue in self.app.amqp.queues.items())

    def lengths(self, queues: Iterable[str]) -> dict[str, int | None]:
        """Return how many messages wait in each of ``queues``: 0 without a queue, nothing if it does not say."""
        self.clock.doing = "asking the broker for the lengths of the queues"
        return {queue: self._length(queue) for queue in sorted(set(queues))}

    def _length(self, queue: str) -> int | None:
        channel = self.connection.channel()
        try:
            if hasattr(channel, "_size"):  # of a broker without a protocol for it; EXISTS of Redis lacks the key prefix
                size: int = channel._size(queue)
                return size
            count: int = channel.queue_declare(queue=queue, passive=True).message_count
        except self.connection.channel_errors as error:
            return 0 if str(getattr(error, "reply_code", "")) == "404" else None
        finally:
            channel.close()
        return count

    def verify(self, wanted: dict[str, list[str]], nodes: Answer, patience: float) -> Answer:
        """Return whether each queue that a node consumes is worked, and what the nodes do if one is not.

        A queue that nobody is known to consume gets no task, since it would stay there. Of an application that takes no
        remote commands nobody knows it. A task for a broadcast would be run by all workers.
        """
        queues = {
            queue: name
            for node, names in wanted.items()
            for queue, name in self._addresses(names, nodes[node]).items()
            if name is not None
        }
        states = self.canaries(queues, self.clock.left() / 2)
        worked: dict[str, bool | None] = {
            **dict.fromkeys(queues),
            **{queue: state == "SUCCESS" for queue, state in states.items()},
        }
        unproven = {queue: name for queue, name in queues.items() if not worked[queue]}
        if unproven and self.app.amqp.routes:
            counted = self.counted(unproven, nodes, self.clock.left() / 2)
            worked.update({queue: count for queue, count in counted.items() if count is not None})
        alive = [node for node in nodes if nodes[node]]
        later = nodes if all(worked.values()) else {**nodes, **self.inspect(alive, patience)}
        failed = [queue for queue, state in states.items() if state == "FAILURE" and not worked[queue]]
        return {"worked": worked, "failed": failed, "later": later}

    def _addresses(self, queues: Sequence[str], told: Answer | None) -> dict[str, str | None]:
        """Return the names at the broker of those of ``queues`` that a node consumes; ``None`` for a broadcast."""
        if self.has_no_remote_control:
            found = {queue: self.queue(queue) for queue in queues}
            return {
                queue: None if own is not None and self._is_broadcast(own.exchange.type, own.alias) else name
                for queue, own in found.items()
                for name in [own.name if own is not None else queue]
            }
        return {
            queue: None if self._is_broadcast(own["exchange"], own["alias"]) else own["name"]
            for queue in queues
            for own in [(told or {}).get("addresses", {}).get(queue)]
            if own is not None
        }

    def _is_broadcast(self, exchange_type: str, alias: str | None) -> bool:
        """Return whether what is sent to a queue goes to others too. Without a protocol no fanout takes it alone."""
        return exchange_type == "fanout" and bool(alias or hasattr(self.connection.default_channel, "typeof"))

    def queue(self, name: str) -> Any:
        """Return a queue of the application by its name or alias, nothing where it has none and makes none."""
        try:
            return self.app.amqp.queues[name]
        except KeyError:
            return None

    def canaries(self, queues: Mapping[str, str], seconds: float) -> dict[str, str | None]:
        """Return what became of a task sent to each of ``queues`` within so many seconds. Empty if nobody can tell.

        One that was not is worth nothing any more, and is not run much later; but a worker whose clock is ahead of this
        one's shall not take it for expired.
        """
        self.clock.doing = "sending a task to each queue"
        with Replies(self, CANARY) as replies:
            if not replies.arrive:
                return {}
            sent = {queue: replies.send_canary(name, seconds + _SKEW) for queue, name in queues.items()}
            replies.wait(sent.values(), seconds)
        return {queue: replies.states.get(task_id) for queue, task_id in sent.items()}

    def counted(self, queues: Mapping[str, str], nodes: Answer, seconds: float) -> dict[str, bool | None]:
        """Return whether those of ``nodes`` that consume ``queues`` accept a task from each, one after the other.

        For an application whose router keeps the answers back. ``None`` where no node can be asked.
        """
        self.clock.doing = "counting the tasks that the workers accept"
        share = seconds / len(queues)
        worked: dict[str, bool | None] = {}
        with Replies(self, CANARY) as replies:
            for queue, name in queues.items():
                consumers = [node for node, told in nodes.items() if queue in (told or {}).get("queues", ())]
                before = self._accepted(consumers, share)
                worked[queue] = False if consumers else None
                if before is None:
                    continue
                replies.send_canary(name, share + _SKEW, answered=False)
                end = time.monotonic() + share
                while not worked[queue] and time.monotonic() < end:
                    worked[queue] = (self._accepted(consumers, end - time.monotonic()) or 0) > before
                    time.sleep(0.1)
        return worked

    def _accepted(self, nodes: Sequence[str], patience: float) -> int | None:
        """Return how many canaries the pools of ``nodes`` have accepted, nothing if one of them does not tell."""
        stats = self._tell("stats", nodes, max(patience, 0.1))
        if not nodes or len(stats) < len(nodes):
            return None
        return sum(int((answer.get("total") or {}).get(CANARY, 0)) for answer in stats.values())

    def task(self, request: Answer) -> Answer:
        """Send a task and await its end."""
        name, args, kwargs = request["name"], request["args"], request["kwargs"]
        task = self.app.tasks.get(name)
        if task is None:
            nearest = difflib.get_close_matches(name, list(self.app.tasks), n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
            raise RefusalError(f"the application {request['app']!r} has no task {name!r}{hint}")
        options = {**task._get_exec_options(), "ignore_result": task.ignore_result, "task_type": task}
        options = {key: value for key, value in options.items() if value is not None}
        if request["queue"]:
            options = {**options, **self._destination(request["queue"]), "router": _NoRoutes()}
        seconds = self.clock.left()
        self.clock.doing = "sending the task"
        with Replies(self, name) as replies:
            if not replies.arrive:
                raise RefusalError(
                    f"no answer would come back: the router of {request['app']!r} (task_routes) fails for every task "
                    f"that it is asked about by its name alone; let it return None for {_REPLY!r}."
                )
            task_id = replies.send(name, args, kwargs, **{**options, "expires": seconds})
            replies.wait([task_id], seconds)
        state = replies.states.get(task_id, "PENDING")
        failure = self._failure(task_id, task) if state == "FAILURE" else ""
        return {"id": task_id, "state": state, "result": replies.results.get(task_id), "failure": failure}

    def _destination(self, name: str) -> Answer:
        """Return the options by which a task reaches the queue ``name``, which is declared if it has to be made."""
        queue = self.queue(name)
        if queue is None:
            raise RefusalError(f"the application has no queue {name!r} in task_queues, and makes none that is missing.")
        if queue.exchange.type == "fanout":
            return {"queue": queue, "exchange": queue.exchange.name, "routing_key": queue.routing_key or ""}
        return {**_straight_to(queue.name), "queue": None, "declare": [] if self._is_there(queue.name) else [queue]}

    def _is_there(self, queue: str) -> bool:
        """Return whether the broker has ``queue``, which other arguments than the application's may have made."""
        channel = self.connection.channel()
        try:
            channel.queue_declare(queue=queue, passive=True)
        except self.connection.channel_errors as error:
            return str(getattr(error, "reply_code", "")) != "404"
        finally:
            channel.close()
        return True

    def _failure(self, task_id: str, task: Any) -> str:
        """Return what the result backend has of a task that failed, if there is one."""
        self.clock.doing = "asking the result backend why the task failed"
        if task.ignore_result or type(self.app.backend).__name__ == "DisabledBackend":
            return ""
        try:
            result = self.app.AsyncResult(task_id)
            return str(result.traceback or repr(result.result))
        except Exception as error:
            return f"the result backend does not say why: {type(error).__name__}"


class _NoRoutes:
    """What takes the place of an application's router when the destination is known."""

    @staticmethod
    def route(options: Answer, *_: object) -> Answer:
        return options


def _is_there(pid: int) -> bool:
    """Return whether there is a process of any user, which the sandbox may hide in /proc."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return True


def _straight_to(queue: str) -> Answer:
    """Return the options by which a message reaches the queue of this name and no other.

    Celery sends what has no exchange to the default queue of the application, unless it is of the type topic.
    """
    return {"exchange": "", "exchange_type": "topic", "routing_key": queue, "declare": []}


class Replies:
    """A queue to which workers send what became of tasks, removed at the end."""

    def __init__(self, client: AppClient, name: str) -> None:
        """``name`` is that of the task whose end is to be told."""
        kombu: Any = importlib.import_module("kombu")
        self.states: dict[str, str] = {}
        self.results: dict[str, Any] = {}
        self._client = client
        self._channel = client.connection.channel()
        reply_queue = f"{_REPLY}.{uuid.uuid4()}"
        self._queue = kombu.Queue(reply_queue, channel=self._channel, durable=False, exclusive=True, auto_delete=True)
        accept = client.app.conf.accept_content
        self._consumer = kombu.Consumer(
            self._channel, [self._queue], callbacks=[self._receive], accept=accept, no_ack=True
        )
        self._serializer = _serializer(client.app)
        self._here = {**_straight_to(reply_queue), "serializer": self._serializer, "ignore_result": True}
        self._route_name = self._taken(name)

    @property
    def arrive(self) -> bool:
        """Whether the router of the application lets answers through."""
        return self._route_name is not None

    def _taken(self, name: str) -> str | None:
        """Return a name about which the worker can ask its router without an error; the answer is overruled."""
        app = self._client.app
        candidates: list[str] = [_REPLY, name, CANARY, *sorted(app.tasks)[:_ASKED_NAMES]]
        for candidate in candidates:
            kwargs = {"task_id": "", "state": "SUCCESS"}
            with contextlib.suppress(Exception):
                app.amqp.router.route(dict(self._here), candidate, [None], kwargs, None)
                return candidate
        return None

    def __enter__(self) -> Replies:
        self._consumer.consume()
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.cancel()
        self._queue.delete()
        self._channel.close()

    def send_canary(self, queue: str, expires: float, answered: bool = True) -> str:
        """Send the task that every application has to the queue of this name at the broker; returns its id.

        What the application does whenever it sends a task is not done, nor what makes it refuse to send one.
        """
        celery: Any = importlib.import_module("celery")
        for signal_of_sending in ("before_task_publish", "after_task_publish", "task_sent"):
            getattr(celery.signals, signal_of_sending).receivers.clear()
        options = {
            **_straight_to(queue),
            "expires": expires,
            "ignore_result": True,
            "router": _NoRoutes(),
            "serializer": self._serializer,
            "task_type": self._client.app.tasks.get(CANARY),
        }
        return self._send(partial(celery.Celery.send_task, self._client.app), CANARY, [], {}, options, answered)

    def send(self, name: str, args: Sequence[Any], kwargs: Answer, **options: Any) -> str:
        """Send a task that replies here when it is done; returns its id."""
        return self._send(self._client.app.send_task, name, args, kwargs, options, True)

    def _send(
        self, send_task: Any, name: str, args: Sequence[Any], kwargs: Answer, options: Answer, answered: bool
    ) -> str:
        task_id = str(uuid.uuid4())
        links = {"link": [self._signature(task_id, "SUCCESS")], "link_error": [self._signature(task_id, "FAILURE")]}
        with self._client.app.amqp.Producer(self._client.connection.channel()) as producer:
            send_task(name, args, kwargs, task_id=task_id, producer=producer, **options, **(links if answered else {}))
        return task_id

    def _signature(self, task_id: str, state: str) -> Answer:
        """Return what the worker sends when the task is in this state, in a form that any serializer takes."""
        options = {**self._here, "route_name": self._route_name}
        signature = self._client.app.signature(_REPLY, kwargs={"task_id": task_id, "state": state}, options=options)
        return dict(signature)

    def wait(self, task_ids: Iterable[str], seconds: float) -> None:
        """Wait until all tasks are done, or for so many seconds."""
        self._client.clock.doing = "waiting for the end of the task"
        wanted, end = set(task_ids), time.monotonic() + seconds
        with contextlib.suppress(socket.timeout):
            while wanted - self.states.keys() and time.monotonic() < end:
                self._client.connection.drain_events(timeout=max(end - time.monotonic(), 0.01))

    def _receive(self, body: Any, _message: Any) -> None:
        args, kwargs = (body["args"], body["kwargs"]) if isinstance(body, dict) else body[:2]
        self.states[kwargs["task_id"]] = kwargs["state"]
        if kwargs["state"] == "SUCCESS" and args:
            self.results[kwargs["task_id"]] = args[0]


def _serializer(app: Any) -> str:
    """Return what ``app`` sends with, or if its workers do not take that, the first that they take."""
    registry: Any = importlib.import_module("kombu.serialization").registry
    own: str = app.conf.task_serializer
    accepted: list[str] = [registry.type_to_name.get(name, name) for name in app.conf.accept_content]
    return accepted[0] if accepted and own not in accepted else own


def _age(start: float | None) -> int | None:
    return None if start is None else max(round(time.time() - start), 0)


def answer(request: Answer, clock: Clock) -> Answer:
    """Answer ``request``: ``do`` is processes, inspect, verify, drain or task."""
    from celery.app.utils import find_app

    app = find_app(request["app"])
    app.conf.get("broker_url")  # or what configures the application is imported later
    if request["do"] == "task":
        app.loader.import_default_modules()
    clock.start("connecting to the broker", request["timeout"])
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0.2)
        client = AppClient(app, connection, clock)
        if request["do"] == "drain":
            return client.drain(request["nodes"])
        if request["do"] == "task":
            return client.task(request)
        if request["do"] == "processes":
            return {
                "processes": client.processes(list(request["nodes"]), request["patience"]),
                "no_remote_control": client.has_no_remote_control,
                "pool": str(app.conf.worker_pool),
            }
        wanted = {
            node: sorted({*(queues or client.default_queues())} - {*request["excluded"].get(node, ())})
            for node, queues in request["nodes"].items()
        }
        patience = request["patience"]
        client.roll_call(list(wanted), patience)
        nodes = client.inspect(list(wanted), patience)
        queues = {queue for node in wanted for queue in (*wanted[node], *((nodes[node] or {}).get("queues", ())))}
        for names in request.get("stopped", ()):
            queues.update(names or client.default_queues())
        result: Answer = {
            "nodes": nodes,
            "wanted": wanted,
            "no_remote_control": client.has_no_remote_control,
            "pool": str(app.conf.worker_pool),
            "answers": {node: client.heard[node] for node in wanted},
            "others": client.others(list(wanted), queues, patience),
        }
        if request["do"] == "verify":
            result.update(client.verify(wanted, nodes, request["patience"]))
        return {**result, "queues": client.lengths(queues)}


def attempt(request: Answer) -> Answer:
    """Return the answer to ``request``, or the ``error`` that stood in its way."""
    clock = Clock(request.get("import_timeout", IMPORT))
    try:
        return answer(request, clock)
    except DeadlineExceeded:
        return {"error": f"{clock.doing} took longer than {clock.seconds:g} s."}
    except RefusalError as error:
        return {"error": str(error)}
    except BaseException as error:
        if clock.doing == "importing the application":
            return {"error": f"{clock.doing} failed:\n{traceback.format_exc()}"}
        return {"error": f"{clock.doing} failed: {type(error).__name__}: {error}"}
    finally:
        clock.stop()


def main(request: Answer) -> None:
    """Print the answer to ``request`` and end, whatever threads the application has started."""
    stdout = os.dup(1)
    os.dup2(2, 1)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    text = json.dumps(attempt(request), default=str)
    with os.fdopen(stdout, "w", encoding="utf-8") as stream:
        stream.write(text)
    os._exit(0)
