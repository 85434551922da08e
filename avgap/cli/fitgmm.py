"""`avgap fitgmm`: options in, one call, result out."""

from __future__ import annotations

from avgap import console, options
from avgap.cli.common import STDOUT, finished, one_result
from avgap.settings import Fit


def fitgmm(
    gaps: options.GapsFile,
    output: options.OutputOrStdout,
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

    Two components, balanced and imbalanced, Eq. 8, by EM from several starts.

    \b
    avgap fitgmm run/gaps.h5 -o run/gmm.json --plot run/gmm.svg
    """
    console.setup(quiet=quiet)
    one_result(output, as_json)
    from avgap.fitgmm import fitgmm as stage

    settings = Fit(2, n_init, tol, reg_covar, max_iter, seed)
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
