"""Run the command line as ``python -m async_plot``; knows nothing else."""

from .cli import main

__all__: list[str] = []

if __name__ == "__main__":
    raise SystemExit(main())
