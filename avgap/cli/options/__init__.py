"""Every option declared once: its name, help, bounds and environment variable.

A room for each kind of command; all of them are to be had from here, as `options.NAME`.
"""

from avgap.cli.options.adaptation import *
from avgap.cli.options.common import *
from avgap.cli.options.loop import *
from avgap.cli.options.preparation import *
from avgap.cli.options.reports import *
