"""Stands for somebody's project. It keeps a file open in its media directory, if it has one, and records its tasks."""
import os
import time

import redis
from celery import Celery
from celery.signals import before_task_publish

app = Celery("application")
app.conf.beat_schedule = {"tick": {"task": "tick", "schedule": 3.0}}
directory = os.path.join(os.path.dirname(os.path.abspath(__file__)), "media")
if os.path.isdir(directory):
    media = os.open(f"{directory}/journal", os.O_APPEND | os.O_CREAT | os.O_WRONLY)


def record(*words):
    """Append a line to the record at the broker."""
    redis.Redis.from_url(app.conf.broker_url).rpush("record", " ".join(map(str, words)))


@before_task_publish.connect(sender="tick")
def on_tick(**_):
    """Record that beat sends this."""
    record("tick", "celery", 0, 0, time.time())


@app.task(name="work")
def work(queue, number, sent, seconds):
    """Take some seconds; the record says how long it waited and when it was done."""
    record("begun", queue, number, time.time() - sent, time.time())
    time.sleep(seconds)
    record("done", queue, number, 0, time.time())


@app.task(name="tick")
def tick():
    """Do nothing."""
