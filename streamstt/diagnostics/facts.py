"""What there is to know of a machine before captions begin. Each may be known while others are not."""

from dataclasses import dataclass, field

from streamstt.audio.level import AudioLevel


@dataclass(frozen=True, slots=True)
class SettingsFact:
    """The settings.

    Attributes:
        origins: Files, variables and options that set something.
        problem: All mistakes, as ``load`` says them; empty: there are none.
    """

    origins: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SourceFact:
    """One source of the settings.

    Attributes:
        name: Its name in captions.
        kind: ``mic``, ``monitor``, ``file``, ``stdin`` or ``ws``.
        title: The device or file; empty: it was not found.
        level: Of the first seconds; None: it was not listened to.
        problem: Why it cannot be opened.
    """

    name: str
    kind: str
    title: str = ""
    level: AudioLevel | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ModelFact:
    """The model.

    Attributes:
        name: By the settings.
        present: Whether it is on this machine.
        size_mb: On disk.
        precision: What it was loaded as (precision); empty: it was not.
        problem: Why it cannot be used.
    """

    name: str
    present: bool
    size_mb: float = 0.0
    precision: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SpeedFact:
    """How fast the model is here.

    Attributes:
        update_s: Processor time of a usual update.
        interval_s: So often an update is wanted.
        sources: So many sources are to be captioned.
    """

    update_s: float
    interval_s: float
    sources: int


@dataclass(frozen=True, slots=True)
class MemoryFact:
    """Memory, in MB.

    Attributes:
        free_mb: What programs can still take.
        needed_mb: What the daemon takes with this model.
        measured: Whether ``needed_mb`` was measured, or estimated from the model's size.
    """

    free_mb: float
    needed_mb: float
    measured: bool = False


@dataclass(frozen=True, slots=True)
class PortFact:
    """Where captions are served.

    Attributes:
        host: By the settings.
        port: Likewise.
        free: Whether it can be listened on.
        health: What a daemon says of itself that is there already; empty: none is.
        problem: What the system says against it.
    """

    host: str
    port: int
    free: bool
    health: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class FolderFact:
    """Where transcripts go.

    Attributes:
        enabled: Whether they are kept.
        folder: The folder.
        free_mb: Free on its disk.
        problem: Why nothing can be written there.
    """

    enabled: bool
    folder: str
    free_mb: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ServiceFact:
    """The service.

    Attributes:
        unit: Its unit file; empty: none is installed.
        state: ``active``, ``failed``, ... as systemd says; empty: it does not answer.
        system: Whether it is the machine's; else this user's.
    """

    unit: str = ""
    state: str = ""
    system: bool = False


Fact = SettingsFact | SourceFact | ModelFact | SpeedFact | MemoryFact | PortFact | FolderFact | ServiceFact


@dataclass(frozen=True, slots=True)
class Facts:
    """All that could be found out.

    Attributes:
        known: In the order in which people are told.
        failed: Name of a check, and what went wrong with it.
    """

    known: tuple[Fact, ...] = ()
    failed: tuple[tuple[str, str], ...] = field(default=())
