"""Every option declared once: its name, help, bounds and environment variable.

A room for each kind of command; all of them are to be had from here, as `options.NAME`.
"""

from avgap.options.adaptation import *
from avgap.options.common import *
from avgap.options.loop import *
from avgap.options.preparation import *
from avgap.options.reports import *
