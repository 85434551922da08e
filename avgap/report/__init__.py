"""⑦ What an artifact is, where it came from, and what it says; runs as a page, tables, figures.

`describe` looks at one artifact; `read_views` reads runs, `write` and `page` write them in any
format of `document.FORMATS`. None imports torch unless a checkpoint is among what it is given.
"""

from avgap.report.describe import describe
from avgap.report.rundocument import page, read_views, write, write_trajectories

__all__ = ["describe", "page", "read_views", "write", "write_trajectories"]
