"""Does an auth site keep its half of the contract? Plays Rolecall and Discord towards it, and says what is wrong.

report.examine(examination)        runs every check of `checks` and yields what each found
driver      what the auth site is made to do: its users change, click, are removed
rolecall    Rolecall as the auth site sees it by HTTP, with links as the checks want them
queues      the jobs queue, read, and the notices queue, filled
"""
