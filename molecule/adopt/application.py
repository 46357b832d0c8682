"""Stands for somebody's project. It keeps a file open in its media directory, if it has one."""

import os

from celery import Celery

app = Celery("application")
directory = os.path.join(os.path.dirname(os.path.abspath(__file__)), "media")
if os.path.isdir(directory):
    media = os.open(f"{directory}/journal", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
