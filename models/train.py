"""The loop: batches through a network, losses into optimizers, and at the ends of epochs a validation and a checkpoint.

All randomness is a function of (seed, step, process), so there is no random state to save: a run that was killed goes on
from ``RUN/last`` and gives the weights that it would have given; on a CPU with as many threads, bit for bit. Placement,
several processes (``torchrun``) and bf16 are accelerate's work.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import gather_object
from torch import Tensor, nn

from evaluators.errors import DataError
from evaluators.progress import Progress
from evaluators.scoring import Scorer

from . import checkpoint
from .batch import Batch
from .config import Config, to_tables
from .jobs import Job, make_job, settled, training_list
from .logs import Clock, RunLog
from .runs import claim, count_parameters, weights_notes, write_facts
from .schedule import build_optimizers, set_rates
from .system import System

LOG_STEPS = 10  # between rows of log.csv


@dataclass
class State:
    """Where a run stands."""

    step: int = 0  # done
    best: float = -math.inf
    best_step: int = 0
    waited: int = 0  # validations since the best


@dataclass(frozen=True, eq=False)
class _Run:
    """All that the steps of the loop share."""

    job: Job
    config: Config
    folder: Path
    accelerator: Accelerator
    progress: Progress
    model: nn.Module  # the network as wrapped for training
    optimizers: Sequence[torch.optim.Optimizer]
    state: State
    steps: int
    log: RunLog | None  # of the first process

    def write(self, table: str, values: Mapping[str, float]) -> None:
        """A row for the step that was done."""
        if self.log:
            self.log.add(table, self.state.step, values)


class Trainable(nn.Module):
    """A network whose forward is its loss: what the wrapper for several processes has to see."""

    def __init__(self, system: System) -> None:
        super().__init__()
        self.system = system

    def forward(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss to be minimised and its parts."""
        losses = self.system.training_loss(batch, generator)
        return losses.total, dict(losses.parts)


def fit(config: Config, folder: Path, progress: Progress, *, device: str = "", tensorboard: bool = False) -> State:
    """Train what the config says and leave it in ``folder``; a folder that has begun goes on. Raises ``DataError``."""
    accelerator = open_accelerator(config, device)
    progress = progress if accelerator.is_main_process else Progress()
    listing = training_list(config)
    config = settled(config, listing)
    if accelerator.is_main_process:
        claim(folder, config)
    job = make_job(config, listing, accelerator.process_index, accelerator.num_processes, accelerator.device)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        write_facts(folder, job, config, str(accelerator.device), accelerator.num_processes)
    told = f"{len(listing)} samples, {job.epoch_steps} steps an epoch, {count_parameters(job.system) / 1e6:.3f} M parameters"
    progress.line(f"train    {config.model.name} on {accelerator.device}: {told}")
    for name, note in weights_notes(job.system).items():
        progress.line(f"weights  {name}: {note}")
    state = train(job, config, folder, accelerator, progress, tensorboard=tensorboard)
    accelerator.end_training()
    return state


def open_accelerator(config: Config, device: str = "") -> Accelerator:
    """Where this process computes. ``device``: cpu, cuda, or "" for the best there is.

    Raises ``DataError``: ``no-device``, ``bad-config`` for a batch that the processes can't share.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise DataError("no-device", "--device cuda", "no GPU that this torch can use; leave --device out, or take cpu")
    AcceleratorState._reset_state()  # of an earlier run in this process, which may have had another precision
    precision = "bf16" if config.loop.precision == "bf16" else "no"
    accelerator = Accelerator(cpu=device == "cpu", mixed_precision=precision, step_scheduler_with_optimizer=False)
    shares = accelerator.num_processes * config.loop.accumulate
    if config.loop.batch % shares:
        message = f"found {config.loop.batch}, expected a multiple of {shares}: {accelerator.num_processes} processes"
        raise DataError("bad-config", "loop.batch", f"{message} x accumulate {config.loop.accumulate}")
    return accelerator


def train(
    job: Job, config: Config, folder: Path, accelerator: Accelerator, progress: Progress, *, tensorboard: bool = False
) -> State:
    """Train, from the beginning or from where ``folder`` stands, to the end. Raises ``DataError`` ``diverged`` and of checkpoints."""
    run = _begin(job, config, folder, accelerator, progress, tensorboard)
    patience = config.loop.patience
    while run.state.step < run.steps and not (patience and run.state.waited >= patience):
        _epoch(run)
    if run.log:
        run.log.close()
    return run.state


def _begin(
    job: Job, config: Config, folder: Path, accelerator: Accelerator, progress: Progress, tensorboard: bool
) -> _Run:
    model = _placed(job.system, config, accelerator)
    groups = job.system.parameter_groups()
    optimizers = build_optimizers(groups, config.optim, fused=accelerator.device.type == "cuda")
    state = _resumed(job, config, folder, optimizers, progress)
    steps = config.loop.steps or config.loop.epochs * job.epoch_steps
    main = accelerator.is_main_process
    log = RunLog(folder, state.step, tensorboard=tensorboard) if main else None
    accelerator.wait_for_everyone()
    return _Run(job, config, folder, accelerator, progress, model, optimizers, state, steps, log)


def _epoch(run: _Run) -> None:
    """The steps of an epoch that are left, then a validation and a checkpoint."""
    state, loop = run.state, run.config.loop
    epoch, done = divmod(state.step, run.job.epoch_steps)
    end = min((epoch + 1) * run.job.epoch_steps, run.steps)
    clock, window, means = Clock(state.step, loop.batch), list[dict[str, Tensor]](), dict[str, float]()
    parts = iter(run.job.batches(epoch, done))
    with run.progress.stage(f"epoch {epoch + 1}", end - state.step) as advance:
        while state.step < end:
            rates = set_rates(run.optimizers, run.config.optim, state.step, run.steps, run.job.epoch_steps)
            window.append(_step(run, list(islice(parts, loop.accumulate))))
            state.step += 1
            saving = bool(loop.save_every) and state.step % loop.save_every == 0 and state.step < end
            if state.step % LOG_STEPS == 0 or state.step == end or saving:
                means = _means(window, run.accelerator, state.step)
                run.write("log", {**means, **{f"rate {part}": rate for part, rate in rates.items()}})
                window.clear()
            if saving:
                _save(run)
            advance()
    speed = clock.stop(state.step, run.accelerator.device)
    told = _validate(run, epoch)
    _save(run)
    run.write("speed", speed)
    progress = f"epoch {epoch + 1}/{math.ceil(run.steps / run.job.epoch_steps)}  loss {means['loss']:.4g}{told}"
    run.progress.line(f"{progress}  {clock.told(run.steps - state.step)}")


def _placed(system: System, config: Config, accelerator: Accelerator) -> nn.Module:
    """The network on its device, wrapped for several processes, compiled, in the layout and precision asked for."""
    if config.loop.sync_bn and accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(system)  # type: ignore[no-untyped-call]
    if config.loop.channels_last:
        for layer in system.modules():
            if isinstance(layer, nn.Conv2d):
                layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    trainable = Trainable(system)
    if config.loop.compile:
        trainable.compile()
    model: nn.Module = accelerator.prepare_model(trainable)
    return model


def _resumed(
    job: Job, config: Config, folder: Path, optimizers: Sequence[torch.optim.Optimizer], progress: Progress
) -> State:
    """The state that the run's folder holds, loaded into the network and its optimizers; a new one where it holds none."""
    last = checkpoint.find_state(folder)
    if last is None:
        return State()
    card = checkpoint.read_card(last / checkpoint.WEIGHTS)
    if card.dataset != job.card.dataset:
        raise DataError(
            "other-dataset", folder, "this run was of other samples; take another --out, or give back the old data"
        )
    state = State(**checkpoint.load_state(last, job.system, optimizers, to_tables(config.model)))
    progress.line(f"resume   {last}, {state.step} steps done")
    return state


def _step(run: _Run, batches: Sequence[Batch]) -> dict[str, Tensor]:
    """One change of the parameters. Returns the loss and its parts of this process, mean over the batches."""
    seed, step, accelerator = run.config.loop.seed, run.state.step, run.accelerator
    if len(batches) < run.config.loop.accumulate:
        raise ValueError(
            f"step {step} got {len(batches)} batches of {run.config.loop.accumulate}: epoch_steps is too large"
        )
    run.model.train()
    found: list[dict[str, Tensor]] = []
    for number, batch in enumerate(batches):
        generator = _seeded(seed, step, accelerator.process_index, number)
        with nullcontext() if number == len(batches) - 1 else accelerator.no_sync(run.model):
            total, parts = run.model(batch.to(accelerator.device, non_blocking=True), generator)
            accelerator.backward(total / len(batches))
        found.append({"loss": total.detach(), **{name: part.detach() for name, part in parts.items()}})
    _drop_frozen(run.optimizers)
    if run.config.optim.clip:
        nn.utils.clip_grad_norm_(_parameters(run.optimizers), run.config.optim.clip)
    for optimizer in run.optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return {name: torch.stack([one[name].float() for one in found]).mean() for name in found[0]}


def _seeded(*numbers: int) -> torch.Generator:
    """The generator of one batch of one step; torch's own (dropout and the like) gets a seed of the same numbers."""
    first, second = np.random.SeedSequence(numbers).generate_state(2, np.uint64).tolist()
    torch.manual_seed(first >> 1)
    generator = torch.Generator()
    generator.manual_seed(second >> 1)
    return generator


def _drop_frozen(optimizers: Sequence[torch.optim.Optimizer]) -> None:
    """Take the gradients of parts whose rate is 0, so that neither they nor their moments move."""
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        if group["lr"] == 0:
            for parameter in group["params"]:
                parameter.grad = None


def _parameters(optimizers: Sequence[torch.optim.Optimizer]) -> Iterator[Tensor]:
    return (one for optimizer in optimizers for group in optimizer.param_groups for one in group["params"])


def _means(window: Sequence[Mapping[str, Tensor]], accelerator: Accelerator, step: int) -> dict[str, float]:
    """Loss and parts, mean over the steps of a window and all processes."""
    values = torch.stack([torch.stack(list(losses.values())) for losses in window]).mean(0)
    means = dict(zip(window[0], accelerator.reduce(values, "mean").tolist(), strict=True))
    if not math.isfinite(means["loss"]):
        remedy = "lower optim.rate, set optim.clip, or take loop.precision fp32, and begin in another folder"
        raise DataError("diverged", f"step {step}", f"the loss is {means['loss']}; {remedy}")
    return means


def _validate(run: _Run, epoch: int) -> str:
    """Validate where it is time, keep the best, and say what was found. All processes find the same."""
    loop, state, job = run.config.loop, run.state, run.job
    due = loop.validate_every and ((epoch + 1) % loop.validate_every == 0 or state.step == run.steps)
    _same_buffers(job.system, run.accelerator)
    if job.score is None or not due:
        return ""
    job.system.eval()
    with torch.no_grad(), run.accelerator.autocast():
        scorer = job.score(job.system)
    measures = _gathered(scorer).compute()[loop.protocol]
    if loop.measure not in measures:
        known = ", ".join(measures)
        raise DataError(
            "bad-config", f"loop.measure {loop.measure}", f"{loop.protocol} gives {known}; choose one of them"
        )
    value = measures[loop.measure]
    state.waited += 1
    if value > state.best:
        state.best, state.best_step, state.waited = value, state.step, 0
        if run.log:
            card = replace(job.card, step=state.step, value=value)
            checkpoint.write_weights(run.folder / checkpoint.BEST / checkpoint.WEIGHTS, job.system, card)
    run.write("validation", measures)
    return f"  {loop.measure} {value:.4f}, best {state.best:.4f} at step {state.best_step}"


def _gathered(mine: Scorer) -> Scorer:
    """The scorers of all processes as one, the same on each."""
    scorers = gather_object([mine])
    for other in scorers[1:]:
        scorers[0].merge(other)
    return scorers[0]  # type: ignore[no-any-return]


def _same_buffers(system: nn.Module, accelerator: Accelerator) -> None:
    """Running statistics differ between processes; what is validated and saved is the first one's."""
    if accelerator.num_processes > 1:
        for buffer in system.buffers():
            torch.distributed.broadcast(buffer, 0)


def _save(run: _Run) -> None:
    if run.log:
        card = replace(run.job.card, step=run.state.step)
        checkpoint.save_state(run.folder, run.job.system, run.optimizers, card, asdict(run.state))
    run.accelerator.wait_for_everyone()
