"""What an operator is told when a command cannot go on."""

FINE = 0
WRONG = 1
USAGE = 2


class Complaint(Exception):
    """The command ends here; the text says what is wrong, `cure` what to do. `code` is the exit code."""

    def __init__(self, text: str, *, cure: str = "", code: int = WRONG) -> None:
        super().__init__(text)
        self.cure = cure
        self.code = code
