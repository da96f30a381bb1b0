"""Threads, for tasks that wait: here for a file of a slow disk."""

import time
from concurrent.futures import ThreadPoolExecutor

from async_plot import Server


def fetch(name):
    time.sleep(0.1)
    return name.upper()


with ThreadPoolExecutor(8) as pool, Server(view=None, name="fetch") as server:
    results = server.map(fetch, "abcdefgh", executor=pool, errors="return")
    print(*results)
