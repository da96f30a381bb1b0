"""Jobs: `map` on any executor, progress, failures, insights.

Knows a `Desk`, where whatever happens in this process is put down, and a `Reporter`,
which carries it from a worker to the calculation; never a server or a view.
"""
