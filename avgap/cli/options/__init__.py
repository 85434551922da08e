"""What the commands take: arguments and options that are no setting; the settings' own are made.

All are to be had from here, as `options.NAME`.
"""

from avgap.cli.options.common import *
from avgap.cli.options.made import *
from avgap.cli.options.reports import *
