"""What can go wrong with the records' storage; messages say where, and what would be right."""


class StorageError(Exception):
    """Root of this package's errors."""


class JournalError(StorageError):
    """The journal's folder cannot be used."""


class JournalLockedError(JournalError):
    """Another process has the journal open for writing."""


class DatabaseError(StorageError):
    """Postgres cannot be found, started, or used."""


class ReplayError(StorageError):
    """The journal cannot be shipped again from there."""


class ErasureError(StorageError):
    """A customer cannot be erased, or who was erased cannot be read."""


class CustomerKeyError(StorageError):
    """The key of customers' hashes cannot be read or made."""


class MigrationError(DatabaseError):
    """The schema in the database and the migration files do not fit."""
