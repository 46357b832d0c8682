# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that asks the workers of a Celery application, run in the context of one of its services.

It reaches its interpreter as text, see _context. It needs Celery, which the application has, and nothing else. What the
application prints goes to stderr; on stdout there is the answer alone, one JSON document.

A task is awaited through the broker, so that applications without a result backend can be asked as well: its message
links to two signatures of tasks that no worker has. When the task is done the worker sends one of them on, to a queue
that this program made and consumes. Celery's own task C(celery.accumulate), which every application has, is what is
sent to a queue to see whether it is worked.
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
from typing import Any, Dict, Iterable, Sequence

Answer = Dict[str, Any]

CANARY = "celery.accumulate"
IMPORT = 120  # seconds that importing an application may take, as long as in a trial
_REPLY = "stalk.celery.reply"
_GRACE = 1  # seconds
_SKEW = 60  # seconds by which the clocks of two hosts may differ


class Late(BaseException):
    """The time is over. Not an Exception, lest a library takes it for a failure that it can mend."""


class RefusalError(Exception):
    """The request cannot be answered; the text says why."""


class Clock:
    """The time that the import has, then that of the request, and what takes it. What hangs is interrupted."""

    def __init__(self) -> None:
        signal.signal(signal.SIGALRM, self._ring)
        self.start("importing the application", IMPORT)

    def start(self, doing: str, seconds: float) -> None:
        """Begin with something else, which has so many C(seconds)."""
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
        raise Late


class Asker:
    """One connection to the broker of C(app)."""

    def __init__(self, app: Any, connection: Any, clock: Clock) -> None:
        self.app = app
        self.connection = connection
        self.clock = clock

    @property
    def is_deaf(self) -> bool:
        """Whether the workers take no remote commands: the application forbids it, or the broker has no broadcasts."""
        allowed = self.app.conf.worker_enable_remote_control
        return not (allowed and self.connection.supports_exchange_type("fanout"))

    def inspect(self, nodes: Sequence[str], patience: float) -> Answer:
        """What C(nodes) say of themselves; C(None) for one that does not answer within C(patience) seconds."""
        self.clock.doing = "waiting for the answers of the workers"
        alive = sorted(self._tell("ping", nodes, patience))
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
            limit=len(nodes),
        )
        return {node: answer for reply in replies or () for node, answer in reply.items() if node in nodes}

    @staticmethod
    def _described(node: str, told: dict[str, Any]) -> Answer:
        stats = told["stats"] or {}
        totals = stats.get("total") or {}
        pool = stats.get("pool") or {}
        module = str(pool.get("implementation", "")).rpartition(":")[0].rpartition(".")[2]
        names = {queue.get("alias") or queue["name"] for queue in told["active_queues"] or ()}
        return {
            "queues": sorted(names - {f"{node}.dq2"}),  # its own queue, where the application has worker_direct
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

    def default_queues(self) -> list[str]:
        """The queues that a worker consumes whose command line names none."""
        return sorted(queue.alias or name for name, queue in self.app.amqp.queues.items())

    def lengths(self, queues: Iterable[str]) -> dict[str, int | None]:
        """How many messages wait in each of C(queues): 0 where there is none, nothing where the broker does not say."""
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
        """Whether each queue that a node consumes is worked, and what the nodes do if one is not.

        A queue that nobody is known to consume gets no task, since it would stay there. Of an application that takes no
        remote commands nobody knows it. A task for a broadcast, which has an alias, would be run by all workers.
        """
        queues = {
            queue
            for node, names in wanted.items()
            for queue in names
            if self.is_deaf or queue in (nodes[node] or {}).get("queues", ())
        }
        worked = self.canaries(sorted(queues - {*self.app.amqp.queues.aliases}), self.clock.left() / 2)
        alive = [node for node in nodes if nodes[node]]
        later = nodes if all(worked.values()) else {**nodes, **self.inspect(alive, patience)}
        return {"worked": worked, "later": later}

    def canaries(self, queues: Sequence[str], seconds: float) -> dict[str, bool]:
        """Whether a task that was sent to each of C(queues) was run within so many seconds.

        One that was not is worth nothing any more, and is not run much later; but a worker whose clock is ahead of this
        one's shall not take it for expired.
        """
        self.clock.doing = "sending a task to each queue"
        with Replies(self) as replies:
            sent = {
                queue: replies.send(CANARY, [], {}, queue=queue, expires=seconds + _SKEW, ignore_result=True)
                for queue in queues
            }
            replies.wait(sent.values(), seconds)
        return {queue: replies.states.get(task_id) == "SUCCESS" for queue, task_id in sent.items()}

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
            for key in ("exchange", "routing_key"):
                options.pop(key, None)
            options["queue"] = request["queue"]
        seconds = self.clock.left()
        self.clock.doing = "sending the task"
        with Replies(self) as replies:
            task_id = replies.send(name, args, kwargs, **{**options, "expires": seconds})
            replies.wait([task_id], seconds)
        state = replies.states.get(task_id, "PENDING")
        failure = self._failure(task_id, task) if state == "FAILURE" else ""
        return {"id": task_id, "state": state, "result": replies.results.get(task_id), "failure": failure}

    def _failure(self, task_id: str, task: Any) -> str:
        """What the result backend has of a task that failed, if there is one."""
        self.clock.doing = "asking the result backend why the task failed"
        if task.ignore_result or type(self.app.backend).__name__ == "DisabledBackend":
            return ""
        try:
            result = self.app.AsyncResult(task_id)
            return str(result.traceback or repr(result.result))
        except Exception as error:
            return f"the result backend does not say why: {type(error).__name__}"


class Replies:
    """A queue to which workers send what became of tasks, removed at the end."""

    def __init__(self, asker: Asker) -> None:
        kombu: Any = importlib.import_module("kombu")
        self.states: dict[str, str] = {}
        self.results: dict[str, Any] = {}
        self._asker = asker
        self._channel = asker.connection.channel()
        name = f"{_REPLY}.{uuid.uuid4()}"
        self._queue = kombu.Queue(name, channel=self._channel, durable=False, exclusive=True, auto_delete=True)
        accept = asker.app.conf.accept_content
        self._consumer = kombu.Consumer(
            self._channel, [self._queue], callbacks=[self._receive], accept=accept, no_ack=True
        )

    def __enter__(self) -> Replies:
        self._consumer.consume()
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.cancel()
        self._queue.delete()
        self._channel.close()

    def send(self, name: str, args: Sequence[Any], kwargs: Answer, **options: Any) -> str:
        """Send a task that replies here when it is done; returns its id."""
        app, task_id = self._asker.app, str(uuid.uuid4())
        # Celery sends what has no exchange to the default queue of the application, unless it is of the type topic.
        here = {"exchange": "", "exchange_type": "topic", "routing_key": self._queue.name, "declare": []}
        done, failed = (
            app.signature(
                _REPLY,
                kwargs={"task_id": task_id, "state": state},
                options={**here, "ignore_result": True},
            )
            for state in ("SUCCESS", "FAILURE")
        )
        with app.amqp.Producer(self._asker.connection.channel()) as producer:
            app.send_task(
                name, args, kwargs, task_id=task_id, producer=producer, link=[done], link_error=[failed], **options
            )
        return task_id

    def wait(self, task_ids: Iterable[str], seconds: float) -> None:
        """Wait until all tasks are done, or for so many seconds."""
        self._asker.clock.doing = "waiting for the end of the task"
        wanted, end = set(task_ids), time.monotonic() + seconds
        with contextlib.suppress(socket.timeout):
            while wanted - self.states.keys() and time.monotonic() < end:
                self._asker.connection.drain_events(timeout=max(end - time.monotonic(), 0.01))

    def _receive(self, body: Any, _message: Any) -> None:
        args, kwargs = (body["args"], body["kwargs"]) if isinstance(body, dict) else body[:2]
        self.states[kwargs["task_id"]] = kwargs["state"]
        if kwargs["state"] == "SUCCESS" and args:
            self.results[kwargs["task_id"]] = args[0]


def _age(start: float | None) -> int | None:
    return None if start is None else max(round(time.time() - start), 0)


def answer(request: Answer, clock: Clock) -> Answer:
    """Answer C(request): C(do) is inspect, verify or task."""
    from celery.app.utils import find_app

    app = find_app(request["app"])
    app.conf.get("broker_url")  # or what configures the application is imported later
    if request["do"] == "task":
        app.loader.import_default_modules()
    clock.start("connecting to the broker", request["timeout"])
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0.2)
        asker = Asker(app, connection, clock)
        if request["do"] == "task":
            return asker.task(request)
        wanted = {
            node: sorted({*(queues or asker.default_queues())} - {*request["excluded"].get(node, ())})
            for node, queues in request["nodes"].items()
        }
        nodes = dict.fromkeys(wanted) if asker.is_deaf else asker.inspect(list(wanted), request["patience"])
        queues = {queue for node in wanted for queue in (*wanted[node], *((nodes[node] or {}).get("queues", ())))}
        for names in request.get("stopped", ()):
            queues.update(names or asker.default_queues())
        result: Answer = {"nodes": nodes, "wanted": wanted, "deaf": asker.is_deaf, "pool": str(app.conf.worker_pool)}
        if request["do"] == "verify":
            result.update(asker.verify(wanted, nodes, request["patience"]))
        return {**result, "queues": asker.lengths(queues)}


def attempt(request: Answer) -> Answer:
    """The answer to C(request), or the C(error) that stood in its way."""
    clock = Clock()
    try:
        return answer(request, clock)
    except Late:
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
    """Print the answer to C(request) and end, whatever threads the application has started."""
    stdout = os.dup(1)
    os.dup2(2, 1)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    text = json.dumps(attempt(request), default=str)
    with os.fdopen(stdout, "w", encoding="utf-8") as stream:
        stream.write(text)
    os._exit(0)
