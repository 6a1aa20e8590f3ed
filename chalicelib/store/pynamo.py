"""The private parts of PynamoDB that Rolecall uses, all of them here: PynamoDB offers no public way to do this."""

from collections.abc import Iterable

from pynamodb.connection import Connection
from pynamodb.models import Model


def connection_with(client: object, *, region: str | None = None) -> Connection:
    """A connection that uses `client` in place of a botocore client of its own, unless it is None."""
    connection = Connection(region=region)
    if client is not None:
        connection._client = client  # type: ignore[assignment]  # the seam for tests
    return connection


def share_connection(connection: Connection, models: Iterable[type[Model]]) -> None:
    """Let all models use one connection, under the table names that their `Meta` has now.

    PynamoDB would make a connection for each, with a client that takes a tenth of a second to build.
    """
    for model in models:
        model._connection = None
        table = model._get_connection()
        meta = table.get_meta_table()
        if meta is not None:
            connection.add_meta_table(meta)
        table.connection = connection


def connection_of(model: type[Model]) -> Connection:
    """The connection that the model uses, for transactions."""
    return model._get_connection().connection
