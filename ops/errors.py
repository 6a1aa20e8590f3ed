"""How a command ends: its exit codes, and the error that ends it early."""

FINE = 0
WRONG = 1
USAGE = 2


class CommandError(Exception):
    """The command cannot go on. The text says what is wrong, `fix` what to do, `code` is the exit code."""

    def __init__(self, text: str, *, fix: str = "", code: int = WRONG) -> None:
        super().__init__(text)
        self.fix = fix
        self.code = code
