"""Sends tasks, two at a time, until its input ends, and says how many each queue got.

Arguments: queues, each behind the URL of its broker, as redis://host/0/video; the first task of one with a ! is held.
"""

import select
import sys
import time

from celery import Celery

queues = [(*place.rstrip("!").rsplit("/", 1), place.endswith("!")) for place in sys.argv[1:]]
apps = {broker: Celery(broker=broker) for broker, _queue, _is_held in queues}
count = 0
while not select.select([sys.stdin], [], [], 0.6)[0]:
    for number in (count, count + 1):
        for broker, queue, is_held in queues:
            arguments = (queue, number, time.time(), number == 0 and is_held)
            apps[broker].send_task("work", arguments, queue=queue)
    count += 2
print(count)
