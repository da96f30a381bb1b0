"""What the keys do, and what the signs mean. Text alone."""

from __future__ import annotations

__all__ = ["TEXT"]

TEXT = """\
Everywhere
  q, Ctrl-C          leave; on a page that lies over another, q goes back
  Esc                go back
  ?                  these lines
  arrows, j, k       up and down; so do PgUp, PgDn, Home, End and the wheel
  Tab                to the other list: bars or log

The list of runs
  Enter              a run's page; a double click does the same

A run's page
  Enter              more of a line: the traceback of a failure, what a worker is
                     about, where the time of a job went, which function is called;
                     a job's own line folds up
  m                  the whole of the message in the second line
  v                  all logged values
  l                  the log: beside the bars, alone, or not at all
  End                in the log: follow its end again

Its figures, where there are any
  z                  as large as the screen, and back
  f, F               the next figure, the one before
  x                  as pixels, where the terminal has them, or as characters
  d                  dark or light paper
  a                  draw anew, after the plotter has failed or hangs
  t                  the traceback of a plotter that failed

Steering, on the page of a run that has checkpoints
  p                  pause at the next checkpoint, as long as this view is there
  P                  pause until somebody resumes it
  Space              pause, or resume
  n                  go on to the next checkpoint
  r                  resume
  s s                stop at the next checkpoint: asks once more
  i i                interrupt, as Ctrl-C does: asks once more
  e                  the parameters: Enter changes one, - and + go to the value
                     beside it, u takes the newest change back

A text
  c                  copy it, where the terminal lets programs do that (OSC 52)

Signs
  ▶ running   ✔ finished   ■ interrupted or stopped   ✖ failed
  ‖ stalled or paused   ? lost: it left no word
  ▲ a failure   ● a worker   ▾ ▸ what folds
"""
