"""Sends tasks, two at a time, until its input ends, and says how many each queue got.

Arguments: queues such as 0/video, with the database of Redis; the first task of one with a ! behind it is held.
"""

import os
import select
import sys
import time

from celery import Celery

queues = [place.rstrip("!").split("/") for place in sys.argv[1:]]
held = [place.rstrip("!").split("/") for place in sys.argv[1:] if place.endswith("!")]
apps = {database: Celery(broker=f"{os.environ['BROKER']}/{database}") for database, _queue in queues}
count = 0
while not select.select([sys.stdin], [], [], 0.6)[0]:
    for number in (count, count + 1):
        for database, queue in queues:
            arguments = (queue, number, time.time(), number == 0 and [database, queue] in held)
            apps[database].send_task("work", arguments, queue=queue)
    count += 2
print(count)
