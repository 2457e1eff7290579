# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A run from its start to its end, with its log, its rollbacks and its report."""

from collections.abc import Callable

from genesis_ext.data.steps import StepLoader
from genesis_ext.training.engine.checkpoint import roll_back
from genesis_ext.training.engine.health import TrainingDivergedError
from genesis_ext.training.engine.loop import Run, train
from genesis_ext.training.engine.run_log import NullLog, RunLog
from genesis_ext.training.engine.validation import ValidationReport


def train_with_rollbacks(
    run: Run,
    loader: StepLoader,
    write_report: Callable[[], object],
    conclude: Callable[[], str | None],
) -> ValidationReport:
    """Train; where training diverges and the options say so, go back to last.pt, with half the learning rates.

    loader: the batches of the run, which go back too.
    write_report: called at the end, however it comes, by the first process.
    conclude: called by the first process once all steps are done; what it returns is logged.

    Raises:
        TrainingDivergedError: going back is not wanted, or does not help.
    """
    options, first = run.options, run.fabric.is_global_zero
    note = ""
    while True:
        step = run.state.progress.step
        said = RunLog(run.folder.path, options.run.steps, options.optim.batch_size, step) if first else NullLog()
        try:
            with said as log:
                if note:
                    log.message(note)
                report = train(run, log)
                text = conclude() if first and run.state.progress.finished(options.run) else None
                if text is not None:
                    log.message(text)
            return report
        except TrainingDivergedError as error:
            if options.run.on_trouble != "rollback" or not roll_back(run.folder.last, run.state):
                raise
            run.fabric.barrier()
            loader.step = run.state.progress.step
            note = f"warning: {error}; back to step {loader.step} with half the learning rates"
        finally:
            if first:
                write_report()
