"""Writing the CDR's rows into Postgres: a batch and the new position in one transaction."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import date
from types import TracebackType
from typing import Any, Self, cast

import asyncpg
import msgspec
from asyncpg.prepared_stmt import PreparedStatement
from msgspec import Struct, structs

from acd.calls.cdr_open import Moment
from acd.calls.cdr_rows import (
    AgentStateInterval,
    AgentStatusInterval,
    CsatAnswer,
    Disposition,
    Interaction,
    Interval,
    MatterOutcome,
    OrderEvent,
    Row,
    StreamQuality,
)

from .agent_quarters import TouchedQuarters
from .copy_text import NULL
from .errors import DatabaseError
from .frames import Position
from .homes import (
    MOVE_ORDER,
    Handling,
    Homes,
    LateRow,
    handled_in,
    microseconds,
    move_values,
)
from .kpi_marks import Starts, mark_quarters
from .migrate import migrate
from .sessions import end_when_deserted
from .table import DAY_US, Table, at, month_of
from .tables import TABLES

CONNECT_LIMIT_S = 5.0
STATEMENT_LIMIT_S = 60.0

POSITION_CHANNEL = "acd_position"
"Notified (NOTIFY) when somebody has moved a journal's position by hand."

ROWS_BETWEEN_TURNS = 200
"Rows encoded before other tasks get their turn: under a millisecond."

STAGED_ROWS = 1_000
"""So many rows of a table go through a staging table: in an array each costs twice as much CPU
here. To empty the table again costs about a millisecond: for fewer it is not worth it."""

BAD_DATA = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,  # such as a key longer than an index takes
    ValueError,
    OverflowError,
    TypeError,
)
"What a row's content can cause; all else is trouble with the database."

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    DatabaseError,
)
"What a database that is down, stopping, full, or not ours can cause."


class Progress(Struct, frozen=True):
    """How far a journal has been written into the tables."""

    confirmed: Position
    resume: Position
    boot: str
    seq: int
    wall_us: int
    mono_s: float

    @property
    def moment(self) -> Moment:
        """The last written record's time."""
        return Moment(self.boot, self.wall_us, self.mono_s)


class SetAside(Struct, frozen=True):
    """Something that cannot be stored as it is."""

    place: str
    error: str
    content: str


class Batch:
    """Rows for one transaction; of two rows with one key, the later one counts."""

    def __init__(self) -> None:
        self.rows = 0
        self.interactions = 0
        self.set_aside: list[SetAside] = []
        self.months: set[tuple[int, int]] = set()
        self.tables: dict[type[Row], list[Row]] = {kind: [] for kind in TABLES}
        "As they came: of two with one key both."

        self.touched = TouchedQuarters()
        self.homeless: list[LateRow] = []
        "Rows of interactions whose start has to be looked up, and all of orders."
        self.told: list[Disposition] = []
        "Dispositions that name an order."

        self.moves: list[tuple[str, Handling]] = []
        "Orders whose call has become known: what stands under no call has to be moved there."

    def add(self, row: Row) -> None:
        """Take a row."""
        kind = type(row)
        if kind in _LATE:
            if kind is not StreamQuality:
                # Calls and orders are looked up by what others told, before a row can be refused.
                row = _without_nul(row)
            late = cast("LateRow", row)
            if late.started_us == 0 or kind is OrderEvent:
                self.homeless.append(late)
                self.rows += 1
                return
        self.place(row)

    def place(self, row: Row) -> None:
        """Take a row whose place is known."""
        kind = type(row)
        self.tables[kind].append(row)
        self.rows += 1
        if kind is Interaction:
            self.interactions += 1
        elif kind is Disposition:
            self._note_order(cast("Disposition", row))

    def _note_order(self, row: Disposition) -> None:
        if row.ordered and row.order_id:
            self.told.append(row)

    async def settle(self) -> None:
        """Note which months and quarter-hours the rows touch, when all have come."""
        for table, rows in self.filled():
            self._note_months(table, rows)
            self.touched.add(table.kind, rows)
            await asyncio.sleep(0)  # other tasks get their turn

    def filled(self) -> list[tuple[Table, list[Row]]]:
        """Return the tables that get rows."""
        return [(TABLES[kind], rows) for kind, rows in self.tables.items() if rows]

    def _note_months(self, table: Table, rows: list[Row]) -> None:
        """Note the partitions, and put rows of absurd times aside."""
        began_us = table.began_us
        absurd: dict[int, Exception] = {}
        for day in {began_us(row) // DAY_US for row in rows}:
            try:
                self.months.add(month_of(day))
            except BAD_DATA as error:
                absurd[day] = error
        if absurd:
            for row in rows:
                if (reason := absurd.get(began_us(row) // DAY_US)) is not None:
                    self.put_aside(table.name, reason, row)
            rows[:] = [row for row in rows if began_us(row) // DAY_US not in absurd]

    def put_aside(self, place: str, error: Exception, content: object) -> None:
        """Take something that cannot be stored."""
        text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
        self.set_aside.append(SetAside(place, _one_line(error), text.replace("\0", "")))


# By type: to ask a struct's class for an instance costs ten times as much.
_LATE = frozenset({Disposition, OrderEvent, CsatAnswer, MatterOutcome, StreamQuality})


class Writer:
    """One connection, with a row type and a prepared statement for each table."""

    def __init__(
        self, connection: asyncpg.Connection, journal: str, node: str, starts: Starts
    ) -> None:
        self._connection = connection
        self._journal = journal
        self._node = node
        self._starts = starts
        self._months: set[tuple[int, int]] = set()
        self._upserts: dict[str, PreparedStatement] = {}

    @classmethod
    async def connect(
        cls, dsn: str, *, journal: str, node: str, starts: Starts | None = None
    ) -> Self:
        """Connect and bring the schema up to date. Raises one of UNREACHABLE.

        `starts` outlives the connection: what it remembers need not be looked up.
        """
        try:
            connection = await asyncpg.connect(
                dsn,
                timeout=CONNECT_LIMIT_S,
                command_timeout=STATEMENT_LIMIT_S,
                server_settings={"application_name": "acd shipper", "timezone": "UTC"},
            )
        except ValueError as error:
            raise DatabaseError(f"the database's DSN is malformed: {error}") from error
        try:
            # Without a limit yet: indexes of a large table take hours to be built.
            await end_when_deserted(connection, idle_s=STATEMENT_LIMIT_S)
            await migrate(connection)
            await end_when_deserted(
                connection, idle_s=STATEMENT_LIMIT_S, statement_s=STATEMENT_LIMIT_S
            )
            for table in TABLES.values():
                await connection.execute(table.make_stage)
        except BaseException:
            connection.terminate()
            raise
        return cls(connection, journal, node, starts or Starts())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close; at once when something went wrong, for then the server may not answer."""
        if error is None:
            await self._connection.close(timeout=CONNECT_LIMIT_S)
        else:
            self._connection.terminate()

    async def progress(self) -> Progress | None:
        """Return how far this journal has come; None: nothing of it is here."""
        row = await self._connection.fetchrow(
            "SELECT segment, segment_offset, resume_segment, resume_offset, boot, seq, wall_us,"
            " mono_s FROM journal_position WHERE journal = $1",
            self._journal,
        )
        if row is None:
            return None
        segment, offset, resume_segment, resume_offset, boot, seq, wall_us, mono_s = row
        return Progress(
            Position(segment, offset),
            Position(resume_segment, resume_offset),
            boot,
            seq,
            wall_us,
            mono_s,
        )

    async def listen(self, on_moved: Callable[[], None]) -> None:
        """Have `on_moved` called when somebody has moved a position by hand."""
        await self._connection.add_listener(POSITION_CHANNEL, lambda *_: on_moved())

    async def open_intervals(self, boot: str, seq: int) -> list[Interval]:
        """Return the agents' intervals that have an open row and began in this boot up to `seq`.

        Later ones are there after the position was moved back: they are still to be read.
        """
        status = await self._connection.fetch(_OPEN_STATUS, boot, seq)
        state = await self._connection.fetch(_OPEN_STATE, boot, seq)
        return [
            *(AgentStatusInterval(**_interval_fields(row)) for row in status),
            *(AgentStateInterval(**_interval_fields(row)) for row in state),
        ]

    async def write(self, batch: Batch, former: Progress | None, progress: Progress) -> None:
        """Write rows and position, all or nothing.

        Rows that the database refuses are set aside, and the rest is written. Raises one of
        UNREACHABLE; the caller then has to read the position again.
        """
        await self._find_homes(batch)
        await batch.settle()
        await self._ensure_months(batch.months)
        try:
            async with self._connection.transaction():
                for table, rows in batch.filled():
                    store = self._copy if table.written_once else self._store
                    await store(table, rows)
                await self._finish(batch, former, progress)
        except BAD_DATA:
            # A month may have been deleted by its age since its partition was last looked for.
            self._months.clear()
            await self._ensure_months(batch.months)
            async with self._connection.transaction():
                for table, rows in batch.filled():
                    await self._store_carefully(table, rows, batch)
                await self._finish(batch, former, progress)

    async def _find_homes(self, batch: Batch) -> None:
        """Look up the calls that late rows belong to."""
        if not batch.homeless and not batch.told:
            return
        homes = Homes(
            told=batch.told,
            handled=handled_in(batch.tables) if batch.homeless else {},
            place=batch.place,
            put_aside=lambda row: batch.put_aside(
                TABLES[type(row)].name, LookupError("unknown interaction"), row
            ),
        )
        await homes.find(self._connection, batch.homeless)
        batch.homeless.clear()
        batch.moves += homes.moves

    async def _ensure_months(self, months: set[tuple[int, int]]) -> None:
        """Make the months' partitions, and those of the months after them, ahead of time."""
        wanted = months | {(year + month // 12, month % 12 + 1) for year, month in months}
        for year, month in sorted(wanted - self._months):
            try:
                await self._connection.execute("SELECT ensure_month($1)", date(year, month, 1))
            except asyncpg.InsufficientPrivilegeError:
                if (year, month) in months:
                    raise
                continue  # of a later month the upkeep says each hour that it cannot be made
            self._months.add((year, month))

    async def _copy(self, table: Table, rows: list[Row], *, into: str = "") -> None:
        # All is made before any of it is sent: an error then is the rows', not the connection's.
        chunks = [chunk async for chunk in _chunks(table, rows)]
        await self._connection.copy_to_table(
            into or table.name, source=_each(chunks), columns=table.columns, null=NULL
        )

    async def _store(self, table: Table, rows: list[Row]) -> None:
        rows = table.latest(rows)
        if len(rows) >= STAGED_ROWS:
            await self._copy(table, rows, into=table.stage)
            await self._connection.execute(table.merge(table.stage, table.name))
            await self._connection.execute(f"TRUNCATE {table.stage}")
            return
        # Prepared: planning an insert into partitions costs more than inserting some rows.
        upsert = self._upserts.get(table.name)
        if upsert is None:
            upsert = self._upserts[table.name] = await self._connection.prepare(table.upsert)
        for begin in range(0, len(rows), ROWS_BETWEEN_TURNS):
            some = rows[begin : begin + ROWS_BETWEEN_TURNS]
            await upsert.fetch([table.values(row) for row in some])

    async def _store_carefully(self, table: Table, rows: list[Row], batch: Batch) -> None:
        """Store what the database takes; halve what it refuses until the bad rows are found."""
        try:
            async with self._connection.transaction():
                await self._store(table, rows)
        except BAD_DATA as error:
            if len(rows) > 1:
                middle = len(rows) // 2
                await self._store_carefully(table, rows[:middle], batch)
                await self._store_carefully(table, rows[middle:], batch)
            elif (clean := _without_nul(rows[0])) is not rows[0]:
                await self._store_carefully(table, [clean], batch)
            else:
                batch.put_aside(table.name, error, rows[0])

    async def _finish(self, batch: Batch, former: Progress | None, progress: Progress) -> None:
        for order_id, home in batch.moves:
            await self._connection.execute(MOVE_ORDER, *move_values(order_id, home, at))
        await mark_quarters(self._connection, batch.tables, self._starts)
        if batch.set_aside:
            await self._connection.executemany(
                "INSERT INTO set_aside (journal, place, error, content) VALUES ($1, $2, $3, $4)",
                [(self._journal, one.place, one.error, one.content) for one in batch.set_aside],
            )
        await batch.touched.note(self._connection)
        expected = former.confirmed if former is not None else Position(0, 0)
        done = await self._connection.execute(
            _MOVE,
            self._journal,
            self._node,
            progress.confirmed.segment,
            progress.confirmed.offset,
            progress.resume.segment,
            progress.resume.offset,
            progress.boot,
            progress.seq,
            progress.wall_us,
            progress.mono_s,
            expected.segment,
            expected.offset,
        )
        if done != "INSERT 0 1":
            raise DatabaseError(
                f"another process has shipped journal {self._journal} meanwhile: read on from its"
                " position"
            )


_MOVE = """
INSERT INTO journal_position AS p (
    journal, node, segment, segment_offset, resume_segment, resume_offset, boot, seq, wall_us,
    mono_s
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (journal) DO UPDATE SET
    node = EXCLUDED.node, segment = EXCLUDED.segment, segment_offset = EXCLUDED.segment_offset,
    resume_segment = EXCLUDED.resume_segment, resume_offset = EXCLUDED.resume_offset,
    boot = EXCLUDED.boot, seq = EXCLUDED.seq, wall_us = EXCLUDED.wall_us,
    mono_s = EXCLUDED.mono_s, updated_at = now()
WHERE p.segment = $11 AND p.segment_offset = $12
"""

_OPEN_STATUS = """
SELECT node, boot, seq, project, agent, status, reason, changed_by, started_at, started_mono_s
FROM agent_status_intervals WHERE boot = $1 AND seq <= $2 AND ended_at IS NULL
"""

_OPEN_STATE = """
SELECT node, boot, seq, project, agent, state, queue, interaction, started_at, started_mono_s
FROM agent_state_intervals WHERE boot = $1 AND seq <= $2 AND ended_at IS NULL
"""


def _interval_fields(row: asyncpg.Record) -> dict[str, Any]:
    fields = dict(row)
    fields["began_us"] = microseconds(fields.pop("started_at"))
    fields["began_mono_s"] = fields.pop("started_mono_s")
    return fields


async def _chunks(table: Table, rows: Sequence[Row]) -> AsyncIterator[bytes]:
    """Make COPY's text of the rows, and let the loop's other tasks work in between."""
    for begin in range(0, len(rows), ROWS_BETWEEN_TURNS):
        yield table.copy_text(rows[begin : begin + ROWS_BETWEEN_TURNS])
        await asyncio.sleep(0)


async def _each(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def _without_nul(row: Row) -> Row:
    """Replace what Postgres' text cannot hold; return the row itself where nothing is to do."""
    changes = {
        name: value.replace("\0", "�")
        for name in row.__struct_fields__
        if isinstance(value := getattr(row, name), str) and "\0" in value
    }
    return structs.replace(row, **changes) if changes else row


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
