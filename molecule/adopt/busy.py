"""Stands for somebody's project that is at work. It records its tasks, and what beat sends, in Redis."""

import os
import time

import redis
from celery import Celery
from celery.beat import ScheduleEntry
from celery.signals import before_task_publish

LONGEST = 600


def reduce_slowly(entry):
    """Take time to be written to the schedule file, as a large schedule does, so that signals find beat at it."""
    time.sleep(0.1)
    return reduce(entry)


reduce = ScheduleEntry.__reduce__
ScheduleEntry.__reduce__ = reduce_slowly
app = Celery("application")
app.conf.beat_schedule_filename = os.environ.get("SCHEDULE", app.conf.beat_schedule_filename)
app.conf.beat_schedule = {"tick": {"task": "tick", "schedule": 3.0}}
broker = redis.Redis.from_url(os.environ.get("RECORD_URL") or os.environ["CELERY_BROKER_URL"])


def record(*words):
    """Append a line, which ends with the time."""
    broker.rpush("record", " ".join(map(str, (*words, time.time()))))


@before_task_publish.connect(sender="tick")
def on_tick(**_):
    """Record that this process, which is a beat, sends its task."""
    record("tick", "celery", os.getpid(), 0)


@app.task(name="work")
def work(queue, number, sent, is_held):
    """Take a moment, or as long as nobody says that it may end; the record says how long it has waited."""
    record("begun", queue, number, time.time() - sent)
    until = time.time() + LONGEST
    while is_held and not broker.exists("enough") and time.time() < until:
        time.sleep(0.2)
    time.sleep(0.1)
    record("done", queue, number, 0)


@app.task(name="tick")
def tick():
    """Do nothing."""
