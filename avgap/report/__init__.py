"""⑦ What an artifact is, where it came from, and what it says; run folders as one page.

`describe` is for the terminal and for --json, `page` for the browser. Neither imports torch unless
a checkpoint is among what it is given.
"""

from avgap.report.describe import describe
from avgap.report.page import page

__all__ = ["describe", "page"]
