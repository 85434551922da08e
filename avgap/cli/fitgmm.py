"""`avgap fitgmm`: options in, one call, result out."""

from __future__ import annotations

from avgap import console, options
from avgap.cli.common import STDOUT, finished, one_result
from avgap.settings import Fit


def fitgmm(
    gaps: options.GapsFiles,
    output: options.OutputOrStdout,
    components: options.Components = "2",
    bootstrap: options.Bootstrap = Fit.bootstrap,
    n_init: options.NInit = Fit.n_init,
    tol: options.Tol = Fit.tol,
    reg_covar: options.RegCovar = Fit.reg_covar,
    max_iter: options.MaxIter = Fit.max_iter,
    seed: options.Seed = Fit.seed,
    plot: options.Plot = None,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """④ Fit the Gaussian mixture of the gaps.

    One balanced component and one imbalanced, Eq. 8, or one for either side (--components 3), by EM
    from several starts. Several tables are fitted as one.

    \b
    avgap fitgmm run/gaps.h5 -o run/gmm.json --plot run/gmm.svg
    avgap fitgmm a.h5 b.h5 -o gmm.json --components auto --bootstrap 200
    """
    console.setup(quiet=quiet)
    one_result(output, as_json)
    from avgap.fitgmm import fitgmm as stage

    number = components if components == "auto" else int(components)
    settings = Fit(number, n_init, tol, reg_covar, max_iter, seed, bootstrap)
    result = stage(gaps, output, settings, plot=plot, force=force)
    if output == STDOUT:
        console.artifact(result.text)
        console.notice(result.verdict)
        return
    console.result(result.verdict, result.as_dict(), as_json=as_json)
    finished(output, result.up_to_date)
    if plot is not None:
        console.wrote(plot)
    console.suggest("avgap adapt CACHE --checkpoint CHECKPOINT -o adapt")
