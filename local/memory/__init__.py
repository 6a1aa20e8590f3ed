"""AWS in memory: DynamoDB and SQS as Rolecall's code calls them, on a clock that a test moves.

The real `chalicelib.store` and `chalicelib.queues` run on it, thousands of calls a second, without a thread, a socket
or a sleep. The contract tests hold it to what `moto` does, and to DynamoDB's documentation where the two differ.
"""
