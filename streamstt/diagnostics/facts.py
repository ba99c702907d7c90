"""Facts about a machine that decide whether captions can start. Each is gathered on its own. Pure."""

from dataclasses import dataclass, field

from streamstt.audio.level import AudioLevel


@dataclass(frozen=True, slots=True)
class SettingsFact:
    """Where the settings come from, and their mistakes.

    Attributes:
        origins: Files, variables and options that set something.
        problem: Message of ``load`` with all mistakes; empty: none.
    """

    origins: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SourceFact:
    """A source of the settings.

    Attributes:
        name: Its name in captions.
        kind: ``mic``, ``monitor``, ``file``, ``url``, ``stdin`` or ``ws``.
        title: Name of the device or file; empty: not found.
        level: Level of the first seconds; None: not measured.
        problem: Why it cannot be opened; empty: it can.
    """

    name: str
    kind: str
    title: str = ""
    level: AudioLevel | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ModelFact:
    """The model of the settings.

    Attributes:
        name: Name in the settings.
        present: Whether it is on this machine.
        size_mb: Size on disk.
        precision: Number formats in which it was loaded; empty: not loaded.
        problem: Why it cannot be used; empty: it can.
        choice: What "auto" chose, and why; empty: the settings name a model.
    """

    name: str
    present: bool
    size_mb: float = 0.0
    precision: str = ""
    problem: str = ""
    choice: str = ""


@dataclass(frozen=True, slots=True)
class SpeedFact:
    """Speed of the model on this machine.

    Attributes:
        update_s: Time of a typical update now.
        interval_s: Interval of updates in the settings.
        sources: Number of sources in the settings.
        promised_s: Time of such an update when nothing else runs; 0: not known.
    """

    update_s: float
    interval_s: float
    sources: int
    promised_s: float = 0.0


@dataclass(frozen=True, slots=True)
class MemoryFact:
    """Memory, in MB.

    Attributes:
        free_mb: Memory available to programs.
        needed_mb: Memory that the daemon needs with this model.
        measured: Whether ``needed_mb`` was measured; else it is estimated from the model's size.
    """

    free_mb: float
    needed_mb: float
    measured: bool = False


@dataclass(frozen=True, slots=True)
class PortFact:
    """The address on which captions will be served.

    Attributes:
        host: Host in the settings.
        port: Port in the settings.
        free: Whether the port can be listened on.
        health: Health of a daemon that already uses the port; empty: there is none.
        problem: The system's error; empty: none.
    """

    host: str
    port: int
    free: bool
    health: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class AccessFact:
    """Tokens and certificate.

    Attributes:
        problem: Why they cannot be used.
    """

    problem: str


@dataclass(frozen=True, slots=True)
class FolderFact:
    """The folder of transcripts.

    Attributes:
        enabled: Whether transcripts are written.
        folder: Path of the folder.
        free_mb: Free space on its disk.
        problem: Why it cannot be written; empty: it can.
    """

    enabled: bool
    folder: str
    free_mb: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ServiceFact:
    """The installed system service.

    Attributes:
        unit: Path of the unit file; empty: not installed.
        state: State that systemd reports, such as ``active`` or ``failed``; empty: systemd does not respond.
        system: Whether it is a system service; else a user service.
    """

    unit: str = ""
    state: str = ""
    system: bool = False


Fact = SettingsFact | SourceFact | ModelFact | SpeedFact | MemoryFact | PortFact | AccessFact | FolderFact | ServiceFact


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts that could be gathered.

    Attributes:
        known: Facts in the order in which they are shown.
        failed: Name and error of each check that failed.
    """

    known: tuple[Fact, ...] = ()
    failed: tuple[tuple[str, str], ...] = field(default=())
